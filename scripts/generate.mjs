/**
 * `npm run generate`: the TypeScript types of proto/, and the loader that goes with them, into src/control/gen. The
 * options are here once, because types made with other options than the loader's would tell lies.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const out = join(root, 'src/control/gen');
const files = [
  ...readdirSync(join(root, 'proto/cistern/v1')).map((name) => `cistern/v1/${name}`),
  ...readdirSync(join(root, 'proto/google/rpc')).map((name) => `google/rpc/${name}`),
].sort();
const options = { longs: 'Number', enums: 'String', defaults: true, oneofs: true };

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
execFileSync(
  process.execPath,
  [
    join(root, 'node_modules/@grpc/proto-loader/build/bin/proto-loader-gen-types.js'),
    ...Object.entries(options).map(([name, value]) => (value === true ? `--${name}` : `--${name}=${value}`)),
    '--grpcLib=@grpc/grpc-js',
    '--importFileExtension=.js',
    `--includeDirs=${join(root, 'proto')}`,
    `--outDir=${out}`,
    ...files,
  ],
  { stdio: ['ignore', 'ignore', 'inherit'] },
);

// The generator notes absolute paths; those say where this was run, which is nobody's business.
for (const name of readdirSync(out, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))) {
  const path = join(out, name);
  writeFileSync(path, readFileSync(path, 'utf8').replace(`// Original file: ${root}`, '// Original file: '));
}

// Each file above has its own root type; the program wants one of them all.
const roots = files.map((file) => file.replace(/^.*\/|\.proto$/g, ''));
writeFileSync(
  join(out, 'protos.ts'),
  `// Written by scripts/generate.mjs: what the .proto files define, loaded with the options their types were made with.
import { fileURLToPath } from 'node:url';
import { loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
${roots.map((name) => `import type { ProtoGrpcType as ${typeName(name)} } from './${name}.js';`).join('\n')}

/** As far up from src/control/gen as from dist/control/gen. */
const directory = fileURLToPath(new URL('../../../proto', import.meta.url));

export const packageDefinition = loadSync(${JSON.stringify(files)}, {
  includeDirs: [directory],
  longs: ${options.longs},
  enums: ${options.enums},
  defaults: ${options.defaults},
  oneofs: ${options.oneofs},
});

type Protos = ${roots.map(typeName).join(' & ')};

export const protos = loadPackageDefinition(packageDefinition) as unknown as Protos;
`,
);

function typeName(file) {
  return file.replace(/(^|_)([a-z])/g, (_, __, letter) => letter.toUpperCase());
}
