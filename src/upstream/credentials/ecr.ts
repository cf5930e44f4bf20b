/**
 * Amazon ECR: a password for 12 hours, from GetAuthorizationToken, for whoever AWS's own chain says that we are (environment,
 * profile, web identity, container, instance). ECR Public hands out the same under another name.
 */
import type { Clock } from '../../lib/clock.js';
import { AppError } from '../../lib/errors.js';
import { load } from '../../lib/optional-package.js';
import type { Fetched } from './renewed.js';

export interface EcrOptions {
  readonly region: string;
  readonly public: boolean;
  /** Of AWS's configuration files; their default without it. */
  readonly profile?: string | undefined;
}

// What is used of the SDK. Both clients take the same options; `authorizationData` is a list in one answer only.
interface Authorization {
  readonly authorizationToken?: string;
  readonly expiresAt?: Date;
}
interface Client {
  send(
    command: object,
    options: { readonly abortSignal: AbortSignal },
  ): Promise<{ readonly authorizationData?: Authorization | readonly Authorization[] }>;
  destroy(): void;
}
type ClientClass = new (options: { readonly region: string; readonly credentials: object }) => Client;
interface Commands {
  readonly GetAuthorizationTokenCommand: new (input: object) => object;
}
interface Chain {
  readonly defaultProvider: (options: object) => object;
}

const TWELVE_HOURS = 12 * 3_600_000;

export const fetchEcr =
  ({ region, public: isPublic, profile }: EcrOptions, clock: Clock) =>
  async (signal: AbortSignal): Promise<Fetched> => {
    const { defaultProvider } = await load<Chain>('@aws-sdk/credential-provider-node', 'auth type ecr');
    // Made anew for each fetch, and told to read its files again, so that a mended profile needs no restart.
    const credentials = defaultProvider({ ignoreCache: true, clientConfig: { region }, ...(profile && { profile }) });
    const { client, command } = await (isPublic ? ecrPublic : ecr)({ region, credentials });
    try {
      const { authorizationData } = await client.send(command, { abortSignal: signal });
      const [data] = [authorizationData].flat();
      const [username = '', ...rest] = Buffer.from(data?.authorizationToken ?? '', 'base64')
        .toString()
        .split(':');
      const password = rest.join(':');
      if (password === '') throw new AppError('UPSTREAM_CREDENTIALS', 'ECR answered without an authorization token');
      const life = data?.expiresAt ? data.expiresAt.getTime() - clock.now() : TWELVE_HOURS;
      return { credential: { kind: 'password', username, password }, life };
    } finally {
      client.destroy();
    }
  };

type Options = ConstructorParameters<ClientClass>[0];

async function ecr(options: Options): Promise<{ client: Client; command: object }> {
  const sdk = await load<Commands & { readonly ECRClient: ClientClass }>('@aws-sdk/client-ecr', 'auth type ecr');
  return { client: new sdk.ECRClient(options), command: new sdk.GetAuthorizationTokenCommand({}) };
}

async function ecrPublic(options: Options): Promise<{ client: Client; command: object }> {
  const name = '@aws-sdk/client-ecr-public';
  const sdk = await load<Commands & { readonly ECRPUBLICClient: ClientClass }>(name, 'auth type ecr for ECR Public');
  return { client: new sdk.ECRPUBLICClient(options), command: new sdk.GetAuthorizationTokenCommand({}) };
}
