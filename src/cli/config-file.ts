/** Which configuration file a command reads when it is not told: the one in the working directory, else the system's. */
import { existsSync } from 'node:fs';

const PLACES = ['config/cistern.yaml', '/etc/cistern/cistern.yaml'];

/** Undefined when there is none: then environment and defaults are all there is. */
export const configFile = (given: string | undefined): string | undefined =>
  given ?? PLACES.find((path) => existsSync(path));
