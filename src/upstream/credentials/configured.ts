/**
 * Credentials that stand in the configuration: a user with a password, or a token that is sent as it is. A secret in a file
 * is read again whenever the file changes.
 */
import { AppError, systemCode } from '../../lib/errors.js';
import type { Secret } from '../../lib/secret.js';
import type { Credential, CredentialSource } from './credential-source.js';

export const password = (username: string, secret: Secret): CredentialSource =>
  configured(`user ${username}`, `the password of ${username}`, secret, (value) => ({
    kind: 'password',
    username,
    password: value,
  }));

export const bearer = (secret: Secret): CredentialSource =>
  configured('a bearer token', 'the bearer token', secret, (token) => ({ kind: 'bearer', token }));

function configured(
  about: string,
  what: string,
  secret: Secret,
  credential: (value: string) => Credential,
): CredentialSource {
  return {
    about,
    until: undefined,
    get: () => {
      try {
        const value = secret.reveal();
        if (value !== '') return Promise.resolve(credential(value));
        return Promise.reject(new AppError('UPSTREAM_CREDENTIALS', `${what} is empty`));
      } catch (cause) {
        const message = `${what} cannot be read (${systemCode(cause) ?? 'unknown'})`;
        return Promise.reject(new AppError('UPSTREAM_CREDENTIALS', message, { cause }));
      }
    },
    invalidate: () => undefined,
  };
}
