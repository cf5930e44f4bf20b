/** `cistern pin`, `unpin` and `evict`: what an operator decides about one image. */
import { contents } from './client.js';
import { counted } from '../lib/counted.js';
import { bytes } from './format.js';
import { imageJson, referenceOf } from './images.js';
import { toJson, type ExitCode, type Terminal } from './output.js';
import { withDaemon, type SessionOptions } from './session.js';

export const pin = (image: string, options: SessionOptions, terminal: Terminal): Promise<ExitCode> =>
  decide('PinImage', image, options, terminal);

export const unpin = (image: string, options: SessionOptions, terminal: Terminal): Promise<ExitCode> =>
  decide('UnpinImage', image, options, terminal);

function decide(
  method: 'PinImage' | 'UnpinImage',
  name: string,
  options: SessionOptions,
  terminal: Terminal,
): Promise<ExitCode> {
  return withDaemon(options, terminal, async (client) => {
    const { image } = await client.ask(contents[method], { image: name });
    if (image === null) throw new Error('the daemon did not say what became of the image');
    if (options.output === 'json') terminal.out(toJson(imageJson(image)));
    else terminal.out(`${referenceOf(image)} is ${image.pinned ? 'pinned' : 'not pinned'}`);
    return 0;
  });
}

export function evict(image: string, options: SessionOptions, terminal: Terminal): Promise<ExitCode> {
  return withDaemon(options, terminal, async (client) => {
    const answer = await client.ask(contents.EvictImage, { image }, EVICT_TIMEOUT_MS);
    if (options.output === 'json') terminal.out(toJson({ reference: image, ...answer }));
    else {
      const kept =
        answer.keptBlobs === 0 ? '' : `; ${counted(answer.keptBlobs, 'blob')} stayed, other images need them`;
      terminal.out(`${image} went, with ${counted(answer.blobs, 'blob')} (${bytes(answer.bytes)})${kept}`);
    }
    return 0;
  });
}

/** Deleting may take its time on a slow disk. */
const EVICT_TIMEOUT_MS = 600_000;
