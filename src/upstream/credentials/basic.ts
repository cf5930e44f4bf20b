/** A user name and a password from the configuration. A password in a file is read again whenever the file changes. */
import { AppError } from '../../lib/errors.js';
import type { Secret } from '../../lib/secret.js';
import type { CredentialSource } from './credential-source.js';

export function basicCredentials(username: string, password: Secret): CredentialSource {
  return {
    get: () =>
      new Promise((resolve, reject) => {
        try {
          resolve({ username, password: password.reveal() });
        } catch (cause) {
          reject(new AppError('UPSTREAM_CREDENTIALS', `the password of ${username} cannot be read`, { cause }));
        }
      }),
    invalidate: () => undefined,
  };
}
