/**
 * Which token realms may be asked, and so may see our credential. The realm comes from the network, so it is trusted only
 * as far as the configuration says: https (or http where the upstream itself is), the upstream's own host and port or one
 * in `realms`, and no userinfo. "The same domain" is not enough: every tenant of a cloud shares one.
 */
import { AppError } from '../lib/errors.js';
import { portOf } from './address-guard.js';

export interface RealmRules {
  readonly upstream: string;
  readonly url: URL;
  /** `host` (any port) or `host:port`. */
  readonly realms: readonly string[];
}

/** A port written twice, as some Nexus set-ups do. */
const DOUBLED_PORT = /^(https?:\/\/[^/?#:@]+:(\d+)):\2(?=[/?#]|$)/i;

/** Throws UPSTREAM_FORBIDDEN_ADDRESS, quoting no more of the realm than its host. */
export function allowedRealm(text: string, { upstream, url, realms }: RealmRules): URL {
  const fixed = text.trim().replace(DOUBLED_PORT, '$1');
  const realm = URL.canParse(fixed) ? new URL(fixed) : undefined;
  const refuse = (why: string) => new AppError('UPSTREAM_FORBIDDEN_ADDRESS', `${upstream}: its token realm ${why}`);
  if (!realm) throw refuse('is no URL');
  if (realm.username !== '' || realm.password !== '') throw refuse('has a user name in it');
  if (realm.protocol !== 'https:' && !(realm.protocol === 'http:' && url.protocol === 'http:')) {
    throw refuse('is not https');
  }
  const withPort = `${realm.hostname}:${portOf(realm)}`;
  const own = withPort === `${url.hostname}:${portOf(url)}`;
  const listed = realms.some((entry) => [realm.hostname, withPort].includes(entry.toLowerCase()));
  if (!own && !listed) throw refuse(`is on ${withPort}, which is not its own host and not in "realms"`);
  realm.hash = '';
  return realm;
}
