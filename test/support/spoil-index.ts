import { Level } from 'level';

/** Changes the records below a prefix of an index that nobody has open, and leaves their checksums as they were. */
export async function spoil(index: string, prefix: string): Promise<void> {
  const level = new Level(index);
  for await (const [key, value] of level.iterator({ gte: prefix, lt: `${prefix}~` })) {
    await level.put(
      key,
      value.replace(/\d(?=\D*$)/, (digit) => String((Number(digit) + 1) % 10)),
    );
  }
  await level.close();
}
