/**
 * Every key of the configuration, its type and its default, in one place. What comes out is checked and converted: sizes
 * are bytes, durations milliseconds, paths absolute, secrets `Secret`. Rules that span several keys are in rules.ts.
 */
import { resolve } from 'node:path';
import { z } from 'zod';
import { missing, type OptionalPackage } from '../lib/optional-package.js';
import { Secret } from '../lib/secret.js';
import { formatImagePattern, parseImagePattern } from '../oci/image-pattern.js';
import { isHost, normaliseHost } from '../oci/reference.js';
import { parseListenAddress, parseNetwork, parseTcpAddress } from './addresses.js';
import { parseSchedule, parseTimezone } from './cron.js';
import { ecrRegistry } from './ecr.js';
import { readableFile, secretFile } from './files.js';
import { presetOf, presetUrl } from './presets.js';
import { parseDuration, parseSize } from './quantities.js';

/** A value that `parse` converts, or refuses by throwing an Error whose message is shown to the user. */
const value = <T>(parse: (input: unknown) => T) =>
  z.unknown().transform((input, context): T => {
    if (input === undefined) {
      context.issues.push({ code: 'custom', message: 'is required', input });
      return z.NEVER;
    }
    try {
      return parse(input);
    } catch (error) {
      context.issues.push({ code: 'custom', message: error instanceof Error ? error.message : String(error), input });
      return z.NEVER;
    }
  });

// Numbers and flags are also taken as text, because that is all the environment has.
const whole = (min: number, max: number) =>
  value((input) => {
    const number = typeof input === 'string' && /^\d+$/.test(input) ? Number(input) : input;
    if (typeof number !== 'number' || !Number.isInteger(number) || number < min || number > max) {
      throw new Error(`expected a whole number from ${min} to ${max}`);
    }
    return number;
  });

const share = value((input) => {
  const number = typeof input === 'string' && /^[01]?(\.\d+)?$/.test(input) ? Number.parseFloat(input) : input;
  if (typeof number !== 'number' || !(number > 0 && number <= 1))
    throw new Error('expected a number above 0 and up to 1');
  return number;
});

const flag = value((input) => {
  if (input === true || input === 'true') return true;
  if (input === false || input === 'false') return false;
  throw new Error('expected true or false');
});

const size = value(parseSize);
const duration = value(parseDuration);
const wait = value((input) => {
  const ms = parseDuration(input);
  // What a timer can hold; above it Node.js fires at once.
  if (ms < 1 || ms > 2 ** 31 - 1) throw new Error('expected a duration from 1ms to 24d');
  return ms;
});
const text = z.string().min(1);
const file = value(readableFile);
const secretPath = value(secretFile);
const tcpAddress = value(parseTcpAddress);

const hostName = value((input) => {
  if (typeof input !== 'string' || !isHost(input)) {
    throw new Error(
      `${JSON.stringify(input)} is no name for an upstream; expected a host such as ghcr.io, localhost:5001 or a plain word`,
    );
  }
  return normaliseHost(input);
});

const realm = value((input) => {
  if (typeof input !== 'string' || !isHost(input)) throw new Error(`${JSON.stringify(input)} is no host or host:port`);
  return input.toLowerCase();
});

const httpUrl = (withUser: boolean) =>
  value((input) => {
    const url = typeof input === 'string' && URL.canParse(input) ? new URL(input) : undefined;
    if (!url || !/^https?:$/.test(url.protocol)) throw new Error('expected a URL with http:// or https://');
    if (url.search !== '' || url.hash !== '') throw new Error('expected a URL without query and fragment');
    if (!withUser && (url.username !== '' || url.password !== '')) {
      throw new Error('expected a URL without user and password; they belong in auth');
    }
    return url;
  });

const repositoryPattern = value((input) => {
  if (typeof input !== 'string' || !/^[a-z0-9._/*?{},![\]-]+$/.test(input)) {
    throw new Error(
      `${JSON.stringify(input)} is no pattern of repositories; expected one such as library/* or myorg/**`,
    );
  }
  return input;
});

const awsRegion = value((input) => {
  if (typeof input === 'string' && /^[a-z]{2,}(-[a-z]+)+-\d+$/.test(input)) return input;
  throw new Error(`${JSON.stringify(input)} is no region of AWS; expected one such as eu-west-1`);
});

const location = value((input) => {
  if (typeof input === 'string' && /^\/([\w-][\w.-]*\/)+$/.test(input)) return input;
  throw new Error(
    `${JSON.stringify(input)} is no location of blobs; expected one that begins and ends with a slash, such as /cistern-blobs/`,
  );
});

/** Of a listener. With a CA for clients, they must show a certificate that it signed. */
const tls = z.strictObject({ certFile: file, keyFile: secretPath, clientCaFile: file.optional() });

/** A secret stands in the key itself or in the file that its twin `…File` names. */
function oneSecret(value: string | undefined, path: string | undefined): Secret | 'both' | undefined {
  if (value !== undefined && path !== undefined) return 'both';
  if (value !== undefined) return Secret.of(value);
  return path === undefined ? undefined : Secret.fromFile(path);
}

/** Who logs in to a listener for people or clients. */
const clientAuth = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('none') }),
  z.strictObject({ type: z.literal('basic'), htpasswdFile: file }),
]);

/** A secret of an upstream, from one of its two keys. */
const secretOf = (
  name: string,
  value: string | undefined,
  path: string | undefined,
  context: z.RefinementCtx,
): Secret => {
  const secret = oneSecret(value, path);
  if (secret instanceof Secret) return secret;
  const message =
    secret === 'both' ? `${name} and ${name}File exclude each other` : `${name} or ${name}File is required`;
  context.issues.push({ code: 'custom', message, input: name });
  return z.NEVER;
};

/** A value that needs packages which may have been left out. */
const needsPackages =
  (what: string, ...names: readonly OptionalPackage[]) =>
  (_: unknown, context: z.RefinementCtx) => {
    const problem = names.map(missing).find((message) => message !== undefined);
    if (problem !== undefined) context.addIssue({ code: 'custom', message: `${what} ${problem}` });
  };

const TRACING = [
  '@opentelemetry/sdk-trace-node',
  '@opentelemetry/exporter-trace-otlp-http',
  '@opentelemetry/resources',
] as const;

/** The type of an upstream's credential. */
const withPackages = <T extends string>(type: T, ...names: readonly OptionalPackage[]) =>
  z.literal(type).superRefine(needsPackages(type, ...names));

const helperName = value((input) => {
  if (typeof input === 'string' && /^[a-z0-9-]+$/.test(input)) return input;
  throw new Error(`${JSON.stringify(input)} is no credential helper; expected NAME of docker-credential-NAME`);
});

const upstreamAuth = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('anonymous') }),
  z
    .strictObject({
      type: z.literal('basic'),
      username: text,
      password: text.optional(),
      passwordFile: secretPath.optional(),
    })
    .transform(({ type, username, password, passwordFile }, context) => ({
      type,
      username,
      password: secretOf('password', password, passwordFile, context),
    })),
  z
    .strictObject({ type: z.literal('bearer'), token: text.optional(), tokenFile: secretPath.optional() })
    .transform(({ type, token, tokenFile }, context) => ({
      type,
      token: secretOf('token', token, tokenFile, context),
    })),
  z.strictObject({
    type: z.literal('docker-config'),
    configFile: secretPath,
    /** The credential helpers that the file may name. */
    helpers: z.array(helperName).default([]),
    helperTimeout: wait.default(parseDuration('10s')),
  }),
  z.strictObject({
    type: withPackages('ecr', '@aws-sdk/client-ecr', '@aws-sdk/client-ecr-public', '@aws-sdk/credential-provider-node'),
    region: awsRegion.optional(),
    public: flag.optional(),
    profile: text.optional(),
  }),
  z.strictObject({ type: withPackages('gcp', 'google-auth-library'), keyFile: secretPath.optional() }),
  z.strictObject({ type: withPackages('acr', '@azure/identity'), clientId: text.optional() }),
]);

/** ECR's with its region, which is the only one that depends on where the upstream is. */
function located(auth: z.output<typeof upstreamAuth>, url: URL, context: z.RefinementCtx) {
  if (auth.type !== 'ecr') return auth;
  const { region, public: isPublic } = ecrRegistry(url, auth);
  if (region !== undefined) return { ...auth, region, public: isPublic };
  const message = `is required, because ${url.host} does not say it`;
  context.issues.push({ code: 'custom', message, input: auth, path: ['auth', 'region'] });
  return z.NEVER;
}

const upstream = z
  .strictObject({
    name: hostName,
    url: httpUrl(false).optional(),
    default: flag.default(false),
    auth: upstreamAuth.default({ type: 'anonymous' }),
    tls: z
      .strictObject({ caFile: file.optional(), certFile: file.optional(), keyFile: secretPath.optional() })
      .optional(),
    proxy: httpUrl(true).optional(),
    aliases: z.array(hostName).default([]),
    realms: z.array(realm).optional(),
    allow: z.array(repositoryPattern).default([]),
    deny: z.array(repositoryPattern).default([]),
    tagTtl: duration.default(parseDuration('5m')),
    revalidateTimeout: wait.default(parseDuration('3s')),
    negativeTtl: duration.default(parseDuration('10s')),
    staleIfError: duration.default(parseDuration('7d')),
    staleIfGone: duration.default(0),
    connectTimeout: wait.default(parseDuration('5s')),
    responseTimeout: wait.default(parseDuration('30s')),
    linkTtl: duration.default(parseDuration('24h')),
    maxConnections: whole(1, 1024).default(16),
    connectionsPerBlob: whole(1, 8).default(1),
    allowNetworks: z.array(value(parseNetwork)).default([]),
  })
  .transform(({ url: given, realms, proxy, ...rest }, context) => {
    const preset = presetUrl(rest.name);
    const url = given ?? (preset === undefined ? undefined : new URL(preset));
    if (url === undefined) {
      context.issues.push({
        code: 'custom',
        message: 'is required for a name that is no host',
        input: given,
        path: ['url'],
      });
      return z.NEVER;
    }
    return {
      ...rest,
      auth: located(rest.auth, url, context),
      url,
      realms: realms ?? presetOf(url)?.realms ?? [],
      ...(proxy && { proxy: proxy.href }),
    };
  });

const image = value((input) => {
  if (typeof input !== 'string') throw new Error('expected an image such as docker.io/library/node:22');
  return formatImagePattern(parseImagePattern(input));
});

const platform = value((input) => {
  if (typeof input !== 'string' || !/^[a-z0-9]+\/[a-z0-9]+(\/[a-z0-9.]+)?$/.test(input)) {
    throw new Error(`${JSON.stringify(input)} is no platform; expected OS/ARCHITECTURE[/VARIANT] such as linux/arm64`);
  }
  return input;
});

export const configSchema = z.strictObject({
  dataDir: text.default('./var').transform((path) => resolve(path)),
  registry: z
    .strictObject({
      listen: tcpAddress.default(parseTcpAddress('127.0.0.1:5000')),
      tls: tls.optional(),
      auth: clientAuth.default({ type: 'none' }),
      /** Says that whoever reaches the listener may pull what the upstreams' credentials can. */
      allowAnonymous: flag.default(false),
      /** Of nginx, in front, to which stored blobs are handed over. Undefined: we send everything ourselves. */
      accelRedirect: location.optional(),
    })
    .prefault({}),
  control: z
    .strictObject({
      listen: value(parseListenAddress).default(parseListenAddress('127.0.0.1:5051')),
      tls: tls.optional(),
      token: text.optional(),
      tokenFile: secretPath.optional(),
    })
    .prefault({})
    .transform(({ token: value, tokenFile, ...rest }, context) => {
      const token = oneSecret(value, tokenFile);
      if (token !== 'both') return { ...rest, ...(token && { token }) };
      context.issues.push({ code: 'custom', message: 'token and tokenFile exclude each other', input: tokenFile });
      return z.NEVER;
    }),
  admin: z
    .strictObject({
      listen: tcpAddress.default(parseTcpAddress('127.0.0.1:5080')),
      /** Who is told names on the status page from elsewhere. Undefined: who may pull, by `registry.auth`. */
      auth: clientAuth.optional(),
    })
    .prefault({}),
  upstreams: z.array(upstream).default([]),
  storage: z
    .strictObject({
      maxSize: size.default(parseSize('200GiB')),
      highWatermark: share.default(0.9),
      lowWatermark: share.default(0.8),
      minFree: size.default(parseSize('5GiB')),
    })
    .prefault({}),
  drainTimeout: wait.default(parseDuration('8s')),
  gc: z
    .strictObject({
      schedule: value(parseSchedule).default('30 3 * * *'),
      timezone: value(parseTimezone).default('UTC'),
      gracePeriod: duration.default(parseDuration('1h')),
      retention: duration.default(parseDuration('30d')),
    })
    .prefault({}),
  prefetch: z
    .strictObject({
      concurrency: whole(1, 64).default(4),
      jobs: z
        .array(
          z.strictObject({
            schedule: value(parseSchedule),
            images: z.array(image).min(1, 'names no image'),
            platforms: z.array(platform).default([]),
          }),
        )
        .default([]),
    })
    .prefault({}),
  scrub: z
    .strictObject({ schedule: value(parseSchedule).default('0 2 * * 0'), rate: size.default(parseSize('50MiB')) })
    .prefault({}),
  tracing: z
    .strictObject({
      /** Of an OTLP collector; spans go to /v1/traces below it. Undefined: nothing is traced. */
      endpoint: httpUrl(false)
        .superRefine(needsPackages('endpoint', ...TRACING))
        .optional(),
      /** Of the requests that nobody traces already. */
      ratio: share.default(1),
    })
    .prefault({}),
  log: z
    .strictObject({
      level: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
      format: z.enum(['json', 'pretty']).default('json'),
    })
    .prefault({}),
});

export type Config = z.output<typeof configSchema>;
export type UpstreamConfig = Config['upstreams'][number];
