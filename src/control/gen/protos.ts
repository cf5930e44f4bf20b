// Written by scripts/generate.mjs: what the .proto files define, loaded with the options their types were made with.
import { fileURLToPath } from 'node:url';
import { loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { ProtoGrpcType as Contents } from './contents.js';
import type { ProtoGrpcType as GarbageCollection } from './garbage_collection.js';
import type { ProtoGrpcType as Prefetch } from './prefetch.js';
import type { ProtoGrpcType as Statistics } from './statistics.js';
import type { ProtoGrpcType as Upstreams } from './upstreams.js';
import type { ProtoGrpcType as ErrorDetails } from './error_details.js';
import type { ProtoGrpcType as Status } from './status.js';

/** As far up from src/control/gen as from dist/control/gen. */
const directory = fileURLToPath(new URL('../../../proto', import.meta.url));

export const packageDefinition = loadSync(["cistern/v1/contents.proto","cistern/v1/garbage_collection.proto","cistern/v1/prefetch.proto","cistern/v1/statistics.proto","cistern/v1/upstreams.proto","google/rpc/error_details.proto","google/rpc/status.proto"], {
  includeDirs: [directory],
  longs: Number,
  enums: String,
  defaults: true,
  oneofs: true,
});

type Protos = Contents & GarbageCollection & Prefetch & Statistics & Upstreams & ErrorDetails & Status;

export const protos = loadPackageDefinition(packageDefinition) as unknown as Protos;
