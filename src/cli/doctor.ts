/** `cistern doctor`: the daemon looks at its configuration, disk, index and upstreams; 1 when something does not work. */
import type { DiagnoseResponse__Output } from '../control/gen/cistern/v1/DiagnoseResponse.js';
import { upstreams } from './client.js';
import { counted } from '../lib/counted.js';
import { word } from './format.js';
import { toJson, type ExitCode, type Terminal } from './output.js';
import { withDaemon, type SessionOptions } from './session.js';

const MARKS: Readonly<Record<string, string>> = { ok: '✓', warning: '!', failed: '✗', skipped: '-' };

/** `names`: the upstreams to look at; all without any. */
export function doctor(names: readonly string[], options: SessionOptions, terminal: Terminal): Promise<ExitCode> {
  return withDaemon(options, terminal, async (client) => {
    const findings: DiagnoseResponse__Output[] = [];
    for await (const finding of client.follow(upstreams.Diagnose, { upstreams: [...names] })) {
      findings.push(finding);
      if (options.output === 'text') print(finding, terminal);
    }
    const failed = findings.filter(({ result }) => result === 'DIAGNOSIS_RESULT_FAILED').length;
    if (options.output === 'json') terminal.out(toJson({ ok: failed === 0, findings: findings.map(findingJson) }));
    else terminal.out(failed === 0 ? 'nothing is wrong' : `${counted(failed, 'check')} failed`);
    return failed === 0 ? 0 : 1;
  });
}

function print({ part, upstream, check, result, message, advice }: DiagnoseResponse__Output, { out }: Terminal): void {
  const where = upstream === '' ? word('DIAGNOSED_PART', part) : upstream;
  out(`${MARKS[word('DIAGNOSIS_RESULT', result)] ?? '?'} ${where}: ${check}: ${message}`);
  if (advice !== '') out(`    ${advice}`);
}

const findingJson = ({ part, upstream, check, result, message, advice }: DiagnoseResponse__Output) => ({
  part: word('DIAGNOSED_PART', part),
  upstream: upstream === '' ? null : upstream,
  check,
  result: word('DIAGNOSIS_RESULT', result),
  message,
  advice: advice === '' ? null : advice,
});
