/** `cistern inspect`: all that is known of one image, or with `--offline`: whether it can be pulled with upstream gone. */
import type { InspectedPlatform__Output } from '../control/gen/cistern/v1/InspectedPlatform.js';
import type { InspectImageResponse__Output } from '../control/gen/cistern/v1/InspectImageResponse.js';
import { contents, prefetches, type ControlClient } from './client.js';
import { counted } from '../lib/counted.js';
import { ago, bytes, field, iso, shortDigest, table, word } from './format.js';
import { imageJson, referenceOf } from './images.js';
import { toJson, type ExitCode, type Terminal } from './output.js';
import { withDaemon, type SessionOptions } from './session.js';

export interface InspectOptions extends SessionOptions {
  readonly offline?: boolean;
  readonly platform?: readonly string[];
  readonly allPlatforms?: boolean;
}

/** With `--offline`: 0 when the image is whole, else 1. */
export function inspect(image: string, options: InspectOptions, terminal: Terminal): Promise<ExitCode> {
  return withDaemon(options, terminal, async (client) => {
    if (options.offline === true) return offline(client, image, options, terminal);
    const answer = await client.ask(contents.InspectImage, { image });
    if (options.output === 'json') terminal.out(toJson(inspectionJson(answer)));
    else print(answer, terminal.out);
    return 0;
  });
}

async function offline(
  client: ControlClient,
  image: string,
  { platform = [], allPlatforms = false, output }: InspectOptions,
  terminal: Terminal,
): Promise<ExitCode> {
  const request = { image, platforms: [...platform], allPlatforms };
  const answer = await client.ask(prefetches.CheckOffline, request);
  const { reference, digest = null, platforms, whole, missing, bytesMissing } = answer;
  if (output === 'json') {
    const blobs = missing.map(({ digest: blob, size = null, mediaType, why }) => ({
      digest: blob,
      size,
      mediaType,
      why: word('MISSING_REASON', why),
    }));
    terminal.out(toJson({ reference, digest, platforms, whole, bytesMissing, missing: blobs }));
  } else if (whole) terminal.out(`${reference} is whole: it can be pulled without its upstream`);
  else {
    const rows = missing.map(({ digest: blob, size, mediaType, why }) => [
      shortDigest(blob),
      word('MISSING_REASON', why),
      size === undefined ? '?' : bytes(size),
      mediaType,
    ]);
    if (rows.length > 0) terminal.out(table(['DIGEST', 'WHY', 'SIZE', 'TYPE'], rows));
    const what = digest === null ? 'is not known here' : `lacks ${counted(missing.length, 'blob')}`;
    terminal.err(`cistern: ${reference} ${what}; \`cistern prefetch\` fetches what is missing`);
  }
  return whole ? 0 : 1;
}

function print(answer: InspectImageResponse__Output, out: (line: string) => void): void {
  const { image, platforms, referrers, past } = answer;
  if (image === null) return;
  out(field('Image', referenceOf(image)));
  out(field('Digest', image.digest));
  out(field('Type', image.mediaType));
  out(field('Size', `${bytes(image.size)}, compressed`));
  out(field('Fetched', ago(image.fetchedAt)));
  out(field('Checked', ago(answer.checkedAt)));
  out(field('Pulled', `${counted(image.pulls, 'time')}, last ${ago(image.lastPulledAt)}`));
  out(field('Pinned', image.pinned ? 'yes' : 'no'));
  for (const referrer of referrers) out(field('Referrer', `${referrer.artifactType} ${shortDigest(referrer.digest)}`));
  for (const { digest, from, until, stored } of past) {
    out(
      field('Earlier', `${digest} until ${iso(until) ?? ''}, from ${iso(from) ?? ''}${stored ? ', still stored' : ''}`),
    );
  }
  for (const platform of platforms) printPlatform(platform, out);
}

function printPlatform(platform: InspectedPlatform__Output, out: (line: string) => void): void {
  out('');
  out(field('Platform', platform.platform === '' ? 'none' : platform.platform));
  out(field('Digest', platform.digest));
  if (!platform.stored) {
    out(field('Stored', 'no'));
    return;
  }
  out(field('Stored', platform.whole ? 'whole' : 'in part'));
  out(field('Size', `${bytes(platform.size)}, compressed`));
  if (platform.createdAt !== null) out(field('Created', iso(platform.createdAt) ?? ''));
  for (const [name, value] of Object.entries(platform.labels)) out(field('Label', `${name}=${value}`));
  const layers = platform.layers.map(({ digest, size, stored, sharedCount, sharedWith: [first] }) => [
    shortDigest(digest),
    bytes(size),
    stored ? 'yes' : 'no',
    first === undefined ? '' : `${first}${sharedCount > 1 ? ` and ${counted(sharedCount - 1, 'other')}` : ''}`,
  ]);
  out(table(['LAYER', 'SIZE', 'STORED', 'SHARED WITH'], layers));
  const history = platform.history.map(({ createdAt, size, createdBy, emptyLayer }) => [
    ago(createdAt),
    emptyLayer ? '' : bytes(size),
    createdBy.replace(/\s+/g, ' ').slice(0, 100),
  ]);
  if (history.length > 0) out(table(['CREATED', 'SIZE', 'BY'], history));
}

const inspectionJson = ({
  image,
  checkedAt,
  annotations,
  platforms,
  referrers,
  past,
}: InspectImageResponse__Output) => ({
  ...(image && imageJson(image)),
  checkedAt: iso(checkedAt),
  annotations,
  images: platforms.map(({ createdAt, history, ...platform }) => ({
    ...platform,
    createdAt: iso(createdAt),
    history: history.map(({ createdAt: at, createdBy, comment, emptyLayer, layer = null, size }) => ({
      createdAt: iso(at),
      createdBy,
      comment,
      emptyLayer,
      layer,
      size,
    })),
  })),
  referrers,
  past: past.map(({ from, until, ...rest }) => ({ ...rest, from: iso(from), until: iso(until) })),
});
