/**
 * Packages that only some configurations need (package.json, optionalDependencies): large, so an installation may leave
 * them out, and loaded no earlier than they are used. Their types are described where they are used, as far as they are
 * used, because the sources must compile without them as well.
 */
import { AppError } from './errors.js';

/** The major versions that Cistern is tested with. */
const VERSIONS = {
  '@aws-sdk/client-ecr': '3',
  '@aws-sdk/client-ecr-public': '3',
  '@aws-sdk/credential-provider-node': '3',
  'google-auth-library': '10',
  '@azure/identity': '4.13',
  '@opentelemetry/sdk-trace-node': '2',
  '@opentelemetry/exporter-trace-otlp-http': '0.223',
  '@opentelemetry/resources': '2',
} as const;

export type OptionalPackage = keyof typeof VERSIONS;

/** What is to be done about a package that is not there; undefined when it is. */
export function missing(name: OptionalPackage): string | undefined {
  try {
    import.meta.resolve(name);
    return undefined;
  } catch {
    return `needs the package ${name}, which is not installed; run npm install ${name}@${VERSIONS[name]} where Cistern is`;
  }
}

/** `T` says what the caller uses of it. Throws CONFIG_INVALID when it is not installed. */
export async function load<T>(name: OptionalPackage, what: string): Promise<T> {
  const problem = missing(name);
  if (problem !== undefined) throw new AppError('CONFIG_INVALID', `${what} ${problem}`);
  return (await import(name)) as T;
}
