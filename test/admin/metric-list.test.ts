/** The metrics keep to Prometheus' conventions and to ours, and the document says what they are. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { METRICS } from '../../src/admin/metric-list.js';
import { agreesWithDocument } from '../support/documents.js';
import { processMetrics } from '../support/metrics.js';

/** Each has few values, all of them known beforehand or named by the operator. */
const LABELS = ['upstream', 'kind', 'outcome', 'reason', 'for', 'state', 'class', 'lane', 'listener', 'version'];

const code = (text: string) => `\`${text}\``;
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');

async function document(): Promise<string> {
  const sections = [...new Set(METRICS.map(({ section }) => section))].map((section) => {
    const rows = METRICS.filter((metric) => metric.section === section).map(({ name, type, labels, help }) => [
      code(name),
      type,
      labels.map(code).join(', '),
      help,
    ]);
    return `### ${section}\n\n${table(['Metric', 'Type', 'Labels', 'Meaning'], rows)}\n`;
  });
  const ofProcess = (await processMetrics()).map(({ name, type, help }) => [code(name), type, help]);
  return [...sections, `### The process\n\n${table(['Metric', 'Type', 'Meaning'], ofProcess)}`].join('\n');
}

describe('the list of metrics', () => {
  it('names each by the conventions', () => {
    for (const { name, type, help } of METRICS) {
      assert.match(name, /^cistern_[a-z]+(_[a-z]+)*$/);
      assert.equal(name.endsWith('_total'), type === 'counter', name);
      assert.doesNotMatch(name, /_(ms|milliseconds|minutes|hours|days|kb|mb|gb|kib|mib|gib|percent)(_|$)/, name);
      assert.match(help, /^\S.*\.$/, name);
    }
    assert.equal(new Set(METRICS.map(({ name }) => name)).size, METRICS.length);
  });

  it('has no label that a repository, a tag or a digest could get into', () => {
    assert.deepEqual(new Set(METRICS.flatMap(({ labels }) => labels)), new Set(LABELS));
  });

  it('is what the document says', async () => {
    const now = await document();
    agreesWithDocument('docs/metrics.md', 'metrics', () => now);
  });
});
