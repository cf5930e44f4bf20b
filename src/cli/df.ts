/** `cistern df`: what takes how much room. */
import { contents } from './client.js';
import { bytes, field } from './format.js';
import { toJson, type ExitCode, type Terminal } from './output.js';
import { withDaemon, type SessionOptions } from './session.js';

export function df(options: SessionOptions, terminal: Terminal): Promise<ExitCode> {
  return withDaemon(options, terminal, async (client) => {
    const usage = await client.ask(contents.GetDiskUsage, {});
    if (options.output === 'json') {
      terminal.out(toJson(usage));
      return 0;
    }
    const share = usage.maxBytes === 0 ? '' : ` (${Math.round((usage.bytes / usage.maxBytes) * 100)} %)`;
    terminal.out(field('Images', String(usage.images)));
    terminal.out(field('Blobs', String(usage.blobs)));
    terminal.out(field('Used', `${bytes(usage.bytes)} of ${bytes(usage.maxBytes)}${share}`));
    terminal.out(field('Shared', bytes(usage.sharedBytes)));
    terminal.out(field('Unique', bytes(usage.uniqueBytes)));
    terminal.out(field('Reclaimable', bytes(usage.reclaimableBytes)));
    terminal.out(field('Spools', bytes(usage.spoolBytes)));
    terminal.out(field('Quarantined', bytes(usage.quarantinedBytes)));
    terminal.out(field('Free on disk', bytes(usage.freeBytes)));
    return 0;
  });
}
