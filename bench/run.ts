/**
 * `npm run bench` compares Cistern with what a user would take instead, `npm run bench -- NAME…` runs some benches, also
 * those of Cistern alone. What was found goes to bench/results.json; `npm run docs:performance` makes tables and pictures of
 * it. Read the ratios: the sides of each comparison took turns on the same machine in the same minutes.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ALONE, BENCHES, COMPARISONS } from './benches.js';
import { environment, merge, readResults, RESULTS, writeResults } from './report/results.js';
import { print } from './support/measure.js';
import { Recorder } from './support/recorder.js';
import { QUICK } from './support/scale.js';

const MINUTES = 15;

const named = process.argv.slice(2);
const unknown = named.filter((name) => !Object.hasOwn(BENCHES, name));
if (unknown.length > 0) {
  const all = `${Object.keys(COMPARISONS).join(', ')}, and only by name ${Object.keys(ALONE).join(', ')}`;
  fail(`no bench called ${unknown.join(', ')}; there are ${all}`);
}
if (!existsSync(join(import.meta.dirname, '../dist/main.js'))) fail('nothing built yet: npm run build');

for (const name of named.length > 0 ? named : Object.keys(COMPARISONS)) {
  const limit = setTimeout(() => fail(`${name} took longer than ${MINUTES} minutes`), MINUTES * 60_000);
  const began = performance.now();
  const record = new Recorder(print);
  print(`== ${name}`);
  await BENCHES[name]!.run(record);
  clearTimeout(limit);
  // At once: a later bench that fails takes nothing with it.
  if (!QUICK) {
    const found = { [name]: { environment: environment(), ...record.finding } };
    writeResults(merge(readResults(), found, Object.keys(BENCHES)));
  }
  print(`   in ${((performance.now() - began) / 1000).toFixed(0)} s\n`);
}
print(
  QUICK
    ? 'BENCH_QUICK: these figures say nothing, and none is kept.'
    : `Written to ${RESULTS}; now npm run docs:performance`,
);

function fail(message: string): never {
  process.stderr.write(`bench: ${message}\n`);
  process.exit(1);
}
