/**
 * Which of an index's images a platform means. A platform is written `OS/ARCHITECTURE[/VARIANT]`; without a variant it
 * means all of them, because which one a machine would choose depends on the machine. Variants that are what an
 * architecture is without one (arm64/v8, amd64/v1) are the same as none.
 */
import { AppError } from '../../lib/errors.js';
import type { Platform, PlatformDescriptor } from '../../oci/manifest.js';
import type { PlatformChoice } from './prefetch.js';

const PLATFORM = /^[a-z0-9]+\/[a-z0-9_]+(?:\/[a-z0-9.]+)?$/;

/** Said by the variant's absence. Source: containerd, platforms/database.go. */
const IMPLIED: Readonly<Record<string, string>> = { arm64: 'v8', amd64: 'v1' };

/** Node.js's words for what Go, and so every image, calls otherwise. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', ppc64: 'ppc64le' };

/** What a plain pull on this machine would choose. Containers are Linux's wherever they are not Windows's. */
export function hostPlatform(platform: NodeJS.Platform = process.platform, arch: string = process.arch): string {
  return `${platform === 'win32' ? 'windows' : 'linux'}/${ARCHITECTURES[arch] ?? arch}`;
}

export function requirePlatform(text: string): void {
  if (PLATFORM.test(text)) return;
  const shown = JSON.stringify(text.slice(0, 100));
  throw new AppError('REQUEST_INVALID', `${shown} is no platform; expected OS/ARCHITECTURE[/VARIANT]`);
}

export const formatPlatform = ({ os, architecture, variant }: Platform): string =>
  variant === undefined ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`;

/** The platforms that are meant; undefined for all. */
export function wantedPlatforms(choice: PlatformChoice, host: string): readonly string[] | undefined {
  if (choice.all) return undefined;
  return choice.platforms.length > 0 ? choice.platforms : [host];
}

export function meansPlatform(wanted: string, platform: Platform): boolean {
  const [os, architecture, variant] = wanted.split('/');
  if (platform.os !== os || platform.architecture !== architecture) return false;
  const implied = IMPLIED[architecture] ?? '';
  return variant === undefined || variant === (platform.variant ?? implied);
}

/** `wanted` platforms that `there` does not hold. */
export const lackingPlatforms = (wanted: readonly string[], there: readonly Platform[]): readonly string[] =>
  wanted.filter((each) => !there.some((platform) => meansPlatform(each, platform)));

export function platformUnknown(reference: string, lacking: readonly string[], there: readonly string[]): AppError {
  const has = there.length === 0 ? 'it names none' : `it has ${there.slice(0, 20).join(', ')}`;
  return new AppError('PLATFORM_UNKNOWN', `${reference} has nothing for ${lacking.join(', ')}; ${has}`, {
    about: reference,
  });
}

/** Builders put provenance and SBOMs beside the images of an index. Source: BuildKit, docs/attestations. */
export const attestedBy = ({ annotations }: PlatformDescriptor): string | undefined =>
  annotations?.['vnd.docker.reference.type'] === 'attestation-manifest'
    ? annotations['vnd.docker.reference.digest']
    : undefined;

export const isNamed = (platform: Platform | undefined): platform is Platform =>
  platform !== undefined && platform.os !== 'unknown' && platform.architecture !== 'unknown';
