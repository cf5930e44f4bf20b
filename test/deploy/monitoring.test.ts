/**
 * What is shipped for Prometheus and Grafana, against the built daemon and Prometheus' own tools: the metrics keep to its
 * conventions, every alert fires when it should, and no panel or rule uses a metric that is not there.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { parse } from 'yaml';
import { METRICS } from '../../src/admin/metric-list.js';
import { Cistern } from '../e2e/support/cistern.js';
import { stopPrograms } from '../e2e/support/processes.js';
import { FakeRegistry } from '../support/fake-registry.js';
import { fetchAll, get } from '../support/http.js';
import { makeImage } from '../support/images.js';
import { processMetrics } from '../support/metrics.js';
import { metricsIn } from '../support/promql.js';
import { temporaryDirectory } from '../support/tmp.js';

const ROOT = join(import.meta.dirname, '../..');
const RULES = 'deploy/prometheus/cistern.rules.yaml';
const OPERATOR_RULES = 'deploy/kubernetes/prometheus/prometheus-rule.yaml';
const RULE_TESTS = 'test/deploy/cistern.rules.test.yaml';
const DASHBOARD = 'deploy/grafana/cistern.json';
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

interface Rules {
  readonly groups: readonly { readonly rules: readonly { readonly alert: string; readonly expr: string }[] }[];
}
interface RuleTests {
  readonly tests: readonly {
    readonly alert_rule_test: readonly { readonly alertname: string; readonly exp_alerts: readonly unknown[] }[];
  }[];
}
interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}
interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly type: string; readonly query: string }[];
  };
}

const alerts = (parse(read(RULES)) as Rules).groups.flatMap(({ rules }) => rules);
const dashboard = JSON.parse(read(DASHBOARD)) as Dashboard;

/** By where they stand. */
const panelExpressions = dashboard.panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr }) => ({ where: `panel "${title}" of ${DASHBOARD}`, expr })),
);
const used = [
  ...panelExpressions,
  ...dashboard.templating.list
    .filter(({ type }) => type === 'query')
    .map(({ name, query }) => ({ where: `variable "${name}" of ${DASHBOARD}`, expr: query })),
  ...alerts.map(({ alert, expr }) => ({ where: `alert ${alert} of ${RULES}`, expr })),
];

/** What the Prometheus Operator reads, of what Prometheus reads. */
const asOperatorRules = (
  rules: string,
): string => `# ${RULES} for the Prometheus Operator, made by \`npm run docs:alerts\`.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: cistern
  labels:
    app.kubernetes.io/name: cistern
spec:
${rules.slice(rules.indexOf('groups:')).replaceAll(/^(?=.)/gm, '  ')}`;

const hasPromtool = spawnSync('promtool', ['--version']).error === undefined;
const skip = hasPromtool || process.env.CI !== undefined ? false : 'promtool is not installed';

function promtool(args: readonly string[], input = ''): string {
  const { error, status, stdout, stderr } = spawnSync('promtool', args, { cwd: ROOT, input, encoding: 'utf8' });
  if (error) throw error;
  assert.equal(status, 0, `promtool ${args.join(' ')}\n${stdout}${stderr}`);
  return stdout + stderr;
}

describe('what is shipped for monitoring', () => {
  after(stopPrograms);

  it('uses metrics that there are', async () => {
    const known = new Set(['up', ...(await processMetrics()).map(({ name }) => name)]);
    for (const { name, type } of METRICS) {
      const parts = type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
      for (const part of parts) known.add(name + part);
    }
    const unknown = used.flatMap(({ where, expr }) =>
      metricsIn(expr)
        .filter((name) => !known.has(name))
        .map((name) => `${where} uses ${name}, which is no metric: see docs/metrics.md`),
    );
    if (unknown.length > 0) assert.fail(unknown.join('\n'));
  });

  it('has an alert for each test, and a test in which each alert fires', () => {
    const fired = (parse(read(RULE_TESTS)) as RuleTests).tests
      .flatMap((test) => test.alert_rule_test)
      .filter((test) => test.exp_alerts.length > 0)
      .map(({ alertname }) => alertname);
    assert.deepEqual(new Set(fired), new Set(alerts.map(({ alert }) => alert)));
  });

  it('has the same alerts as a PrometheusRule', () => {
    if (process.env.WRITE_DOCS !== undefined) writeFileSync(join(ROOT, OPERATOR_RULES), asOperatorRules(read(RULES)));
    const rule = parse(read(OPERATOR_RULES)) as { readonly kind: string; readonly spec: unknown };
    assert.equal(rule.kind, 'PrometheusRule');
    assert.deepEqual(rule.spec, parse(read(RULES)), `${OPERATOR_RULES} is out of date: npm run docs:alerts`);
  });

  it('has rules that promtool takes', { skip }, () => {
    promtool(['check', 'rules', RULES]);
    promtool(['test', 'rules', RULE_TESTS]);
  });

  it('does not take a client that left for an error', () => {
    const errors = panelExpressions.filter(({ expr }) => expr.includes('cistern_request_errors_total'));
    assert.ok(errors.length > 0);
    for (const { where, expr } of errors) assert.match(expr, /\breason!="CANCELLED"/, where);
  });

  it('has panels whose expressions promtool takes', { skip }, async (t) => {
    const rules = panelExpressions.map(({ where, expr }, index) => ({
      record: `panel:${index}`,
      labels: { where },
      expr: expr.replace(/\[\$__\w+\]/g, '[5m]').replaceAll(/\$\w+/g, '.*'),
    }));
    const file = join(await temporaryDirectory(t), 'panels.yaml');
    await writeFile(file, JSON.stringify({ groups: [{ name: 'panels', rules }] })); // JSON is YAML
    promtool(['check', 'rules', file]);
  });

  it('is scraped from a daemon whose metrics promtool has nothing to say about', { skip }, async (t) => {
    const registry = await FakeRegistry.start(t);
    const image = makeImage({ seed: 'monitoring' });
    registry.push('secret/project', image, 'v1');
    const up = { name: 'up.test', url: registry.url, default: true, allowNetworks: ['127.0.0.0/8'] };
    const cistern = await Cistern.start({ dir: await temporaryDirectory(t), upstreams: [up] });
    for (const reference of ['v1', 'v1', 'v2'])
      await fetchAll(`${cistern.url}/v2/secret/project/manifests/${reference}?ns=up.test`);
    await fetchAll(`${cistern.url}/v2/secret/project/blobs/${image.blobs[0]!.digest}?ns=up.test`);
    const text = (await get(`${cistern.adminUrl}/metrics`)).body.toString();
    assert.match(text, /^cistern_requests_total\{upstream="up.test",kind="manifest",outcome="hit"\} 1$/m);
    assert.match(text, /^cistern_request_errors_total\{reason="MANIFEST_UNKNOWN"\} 1$/m);
    assert.equal(promtool(['check', 'metrics'], text), '');
    assert.doesNotMatch(text, /secret|project|sha256/);
    await cistern.stop();
  });
});

describe('the metrics of an expression', () => {
  for (const [expression, names] of [
    ['a_total', ['a_total']],
    [
      'sum by (le, upstream) (rate(a_bucket{x=~"b|c"}[$__rate_interval])) / on (job) c:d_total',
      ['a_bucket', 'c:d_total'],
    ],
    ['time() - (a_seconds or (b_seconds and on (job, instance) c)) > 3 * 86400', ['a_seconds', 'b_seconds', 'c']],
    ['a offset 5m > bool 1e9 unless ignoring (x) group_left (y) b', ['a', 'b']],
    ['label_values(a_info{b="c"}, instance)', ['a_info']],
    ['histogram_quantile (0.95, a)', ['a']],
  ] as const)
    it(`of ${expression} are ${names.join(', ')}`, () => {
      assert.deepEqual(metricsIn(expression), names);
    });
});
