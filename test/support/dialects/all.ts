/** Every dialect, in the order of docs/upstreams.md. */
import { acr } from './acr.js';
import { artifactRegistry } from './artifact-registry.js';
import { dockerHub } from './docker-hub.js';
import { ecr } from './ecr.js';
import { ecrPublic } from './ecr-public.js';
import { gcr } from './gcr.js';
import { ghcr } from './ghcr.js';
import { gitlab } from './gitlab.js';
import { harbor } from './harbor.js';
import { k8s } from './k8s.js';
import { mcr } from './mcr.js';
import { nexus } from './nexus.js';
import { quay } from './quay.js';
import type { Dialect } from './dialect.js';

export const DIALECTS: readonly Dialect[] = [
  dockerHub,
  ghcr,
  ecr,
  ecrPublic,
  artifactRegistry,
  gcr,
  acr,
  gitlab,
  harbor,
  nexus,
  quay,
  k8s,
  mcr,
];
