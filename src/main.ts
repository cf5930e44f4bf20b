#!/usr/bin/env node
/** argv -> one command -> an exit code. Usage errors are 2, like everything else that is wrong before anything was done. */
import { CommanderError } from 'commander';
import { systemTerminal, type ExitCode } from './cli/output.js';
import { createProgram } from './cli/program.js';

/** What a shell says of a program that SIGPIPE ended, as it would have ended this one if Node.js did not ignore it. */
const BROKEN_PIPE = 141;
const STREAMS = [process.stdout, process.stderr];

// `cistern export … | gzip`, and gzip died: nobody may take this for a success, and a failure that is known stays known.
for (const stream of STREAMS) stream.on('error', leave);

const program = createProgram(systemTerminal, end).hook('preAction', (_, command) => {
  if (command.name() !== 'serve') return;
  // The daemon outlives who reads what it says.
  for (const stream of STREAMS) stream.off('error', leave).on('error', () => undefined);
});

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  // Help and version end this way too, with 0; the message was already printed.
  end(error.exitCode === 0 ? 0 : 2);
}

/** Lets what was written leave before the process ends by itself. */
function end(code: ExitCode): void {
  process.exitCode = code;
}

function leave(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exit(process.exitCode || BROKEN_PIPE);
}
