/**
 * Node's own readable report, with the closing counts written as TAP writes them (`# tests`, `# pass`, `# fail`), so that
 * people and scripts read the same lines on every version of Node and with or without a terminal.
 */
import { Readable } from 'node:stream';
import { spec as Spec } from 'node:test/reporters';

export default async function* report(events) {
  for await (const text of Readable.from(events).pipe(new Spec())) {
    yield String(text).replaceAll('ℹ ', '# ');
  }
}
