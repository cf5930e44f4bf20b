import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AppError } from '../../src/lib/errors.js';
import { createLog, withoutUrlSecrets } from '../../src/lib/log.js';
import { Secret } from '../../src/lib/secret.js';

function logged(write: (log: ReturnType<typeof createLog>['logger']) => void): string {
  const lines: string[] = [];
  write(createLog({ level: 'debug', format: 'json' }, { write: (line) => lines.push(line) }).logger);
  return lines.join('');
}

describe('the log', () => {
  it('writes one JSON line with a level in words', () => {
    const line = JSON.parse(logged((log) => log.info({ bytes: 3 }, 'stored'))) as Record<string, unknown>;
    assert.equal(line['level'], 'info');
    assert.equal(line['msg'], 'stored');
    assert.equal(line['bytes'], 3);
  });
  it('shows no userinfo, query or fragment of a URL in an error, however deep', () => {
    const cause = new Error('GET https://user:canary@cdn.example/blob?X-Signature=canary#canary failed');
    const text = logged((log) =>
      log.error(
        { err: new AppError('UPSTREAM_UNREACHABLE', 'no answer', { cause: new Error('outer', { cause }) }) },
        'x',
      ),
    );
    assert.ok(!text.includes('canary'), text);
    assert.ok(text.includes('https://cdn.example/blob'), text);
  });
  it('shows no secret that is passed as one', () => {
    assert.ok(!logged((log) => log.info({ password: Secret.of('canary') }, 'x')).includes('canary'));
  });
  it('leaves text without a URL as it is', () => assert.equal(withoutUrlSecrets('a?b=c user@host'), 'a?b=c user@host'));
});
