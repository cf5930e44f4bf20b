/** `cistern verify`: hashes what is stored again. 1 when something was bad, also when it has been mended. */
import { parseSize } from '../config/quantities.js';
import type { CorruptBlob__Output } from '../control/gen/cistern/v1/CorruptBlob.js';
import type { VerifyReport__Output } from '../control/gen/cistern/v1/VerifyReport.js';
import { contents } from './client.js';
import { UsageError } from './control-error.js';
import { counted } from '../lib/counted.js';
import { bytes, duration, word } from './format.js';
import { toJson, type ExitCode } from './output.js';
import { withDaemon, type LiveTerminal, type SessionOptions } from './session.js';
import { statusLine } from './status-line.js';

export interface VerifyOptions extends SessionOptions {
  /** Bytes a second, such as `100MiB`. */
  readonly rate?: string;
}

/** `target`: an image, a digest, or everything. */
export function verify(target: string | undefined, options: VerifyOptions, terminal: LiveTerminal): Promise<ExitCode> {
  return withDaemon(options, terminal, async (client) => {
    const what = target === undefined ? {} : /^sha(256|512):/.test(target) ? { digest: target } : { image: target };
    const corrupt: CorruptBlob__Output[] = [];
    let report: VerifyReport__Output | undefined;
    const line = statusLine(terminal.screen);
    try {
      for await (const event of client.follow(contents.Verify, { ...what, rate: rateOf(options.rate) })) {
        if (event.corrupt) corrupt.push(event.corrupt);
        if (event.progress) {
          const { checked, bytes: done, totalBlobs, totalBytes } = event.progress;
          line.show(`${checked} of ${counted(totalBlobs, 'blob')}, ${bytes(done)} of ${bytes(totalBytes)}`);
        }
        report = event.report ?? report;
      }
    } finally {
      line.end();
    }
    if (report === undefined) throw new Error('the daemon ended the verification without a report');
    if (options.output === 'json') {
      const found = corrupt.map(({ digest, action, message }) => ({
        digest,
        action: word('CORRUPT_ACTION', action),
        ...(message !== '' && { message }),
      }));
      terminal.out(toJson({ ...report, corrupt: found }));
    } else {
      for (const { digest, action, message } of corrupt) {
        terminal.out(`${digest}  ${word('CORRUPT_ACTION', action)}${message === '' ? '' : `: ${message}`}`);
      }
      const verdict = corrupt.length === 0 ? 'all good' : `${counted(corrupt.length, 'blob')} bad`;
      terminal.out(
        `${counted(report.checked, 'blob')} (${bytes(report.bytes)}) checked in ${duration(report.durationMs)}: ${verdict}`,
      );
    }
    return corrupt.length === 0 ? 0 : 1;
  });
}

function rateOf(text: string | undefined): number {
  if (text === undefined) return 0;
  try {
    const rate = parseSize(text);
    if (rate > 0) return rate;
  } catch {
    // Said below.
  }
  throw new UsageError(`--rate: ${JSON.stringify(text)} is no rate; expected bytes a second such as 100MiB`);
}
