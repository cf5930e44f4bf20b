/** `cistern images`: what is stored, an image a line. */
import type { StoredImage__Output } from '../control/gen/cistern/v1/StoredImage.js';
import { contents } from './client.js';
import { ago, bytes, iso, momentOf, shortDigest, table, timestampOf } from './format.js';
import { toJson, type ExitCode, type Terminal } from './output.js';
import { pages } from './pages.js';
import { withDaemon, type SessionOptions } from './session.js';

export interface ImagesOptions extends SessionOptions {
  readonly untagged?: boolean;
  readonly before?: string;
  readonly upstream?: string;
  readonly repository?: string;
}

export function images(options: ImagesOptions, terminal: Terminal): Promise<ExitCode> {
  return withDaemon(options, terminal, async (client) => {
    const request = {
      upstream: options.upstream ?? '',
      repository: options.repository ?? '',
      untagged: options.untagged ?? false,
      pulledBefore: options.before === undefined ? null : timestampOf(momentOf(options.before, '--before')),
      pageSize: 1000,
    };
    const found: StoredImage__Output[] = [];
    for await (const page of pages((pageToken) => client.ask(contents.ListImages, { ...request, pageToken }))) {
      found.push(...page.images);
    }
    terminal.out(options.output === 'json' ? toJson(found.map(imageJson)) : imageTable(found));
    return 0;
  });
}

const imageTable = (found: readonly StoredImage__Output[]): string =>
  table(
    ['REPOSITORY', 'TAG', 'DIGEST', 'PLATFORMS', 'SIZE', 'LAST PULLED', 'PULLS', 'PINNED'],
    found.map((image) => [
      `${image.upstream}/${image.repository}`,
      image.tag ?? '<none>',
      shortDigest(image.digest),
      image.platforms.join(' '),
      bytes(image.size),
      ago(image.lastPulledAt),
      image.pulls,
      image.pinned ? 'yes' : '',
    ]),
  );

/** `size`: bytes, compressed as the image travels. */
export const imageJson = (image: StoredImage__Output) => ({
  upstream: image.upstream,
  repository: image.repository,
  tag: image.tag ?? null,
  digest: image.digest,
  mediaType: image.mediaType,
  platforms: image.platforms,
  size: image.size,
  fetchedAt: iso(image.fetchedAt),
  lastPulledAt: iso(image.lastPulledAt),
  pulls: image.pulls,
  pinned: image.pinned,
});

/** As `cistern` takes it back. */
export const referenceOf = ({ upstream, repository, tag, digest }: StoredImage__Output): string =>
  `${upstream}/${repository}${tag === undefined ? `@${digest}` : `:${tag}`}`;
