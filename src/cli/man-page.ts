/** `cistern man-page`: cistern(1) in roff, made from commander's tree of commands when a package is made. */
import type { Command, Option } from 'commander';
import { version } from '../lib/version.js';

const EXIT_STATUS = [
  ['0', 'done'],
  ['1', 'what was asked for failed, or was found bad'],
  ['2', 'usage, configuration, a port or data directory that is taken, or no daemon there'],
  ['130', 'left by Ctrl-C; a prefetch job goes on'],
  ['141', 'nobody read the output to its end'],
] as const;

const FILES = [
  ['config/cistern.yaml', 'the configuration, in the working directory'],
  ['/etc/cistern/cistern.yaml', 'the configuration, where there is no such file; it explains its keys'],
  ['/var/lib/cistern', 'dataDir as the packages set it'],
] as const;

const VARIABLES = [
  ['CISTERN_DATA_DIR, CISTERN_DRAIN_TIMEOUT, CISTERN_SECTION__KEY', 'a key of the configuration, before the file'],
  ['UV_THREADPOOL_SIZE', 'threads that read files; 16 in the packages, 4 without it'],
] as const;

const SEE_ALSO = [
  ['containers-registries.conf', 5],
  ['docker', 1],
  ['journalctl', 1],
  ['podman', 1],
  ['skopeo', 1],
] as const;

export function manPage(program: Command): string {
  const help = program.createHelp();
  const commands = help.visibleCommands(program).filter((command) => command.name() !== 'help');
  const options = (command: Command) => help.visibleOptions(command).filter((option) => option.long !== '--help');
  const variables = new Map<string, string>(VARIABLES);
  for (const { envVar, long } of commands.flatMap(options)) if (envVar) variables.set(envVar, `before ${long ?? ''}`);
  return [
    `.TH CISTERN 1 "" "cistern ${version()}" "User Commands"`,
    '.SH NAME',
    `cistern \\- ${escape(lowerFirst(program.description()))}`,
    '.SH SYNOPSIS',
    '.B cistern',
    '.I command',
    '.RI [ options ]',
    '.SH DESCRIPTION',
    'Stands between the machines that pull images and the registries that hold them, and keeps what passes through.',
    '.B cistern serve',
    'is the daemon; most other commands ask a running one. Each takes',
    '.BR \\-\\-help .',
    '.SH COMMANDS',
    ...commands.flatMap((command) => [
      `.SS ${quoted(`cistern ${command.name()} ${help.commandUsage(command).replace(/^.*\[options\] ?/, '')}`.trim())}`,
      `${escape(upperFirst(command.description()))}.`,
      ...options(command).flatMap((option) => entry(option.flags, described(option))),
    ]),
    '.SH EXIT STATUS',
    ...EXIT_STATUS.flatMap(([code, meaning]) => entry(code, meaning)),
    '.SH ENVIRONMENT',
    ...[...variables].flatMap(([name, meaning]) => entry(name, meaning)),
    '.SH FILES',
    ...FILES.flatMap(([path, meaning]) => entry(path, meaning)),
    '.SH SEE ALSO',
    ...SEE_ALSO.map(
      ([name, section], index) => `.BR ${escape(name)} (${section})${index < SEE_ALSO.length - 1 ? ',' : ''}`,
    ),
  ].join('\n');
}

const described = ({ description, argChoices, defaultValue }: Option): string =>
  [
    description,
    ...(argChoices ? [`one of ${argChoices.join(', ')}`] : []),
    ...(typeof defaultValue === 'string' ? [`default: ${defaultValue}`] : []),
  ].join('; ');

const entry = (term: string, text: string): readonly string[] => ['.TP', `.B ${quoted(term)}`, escape(text)];

/** A hyphen that is typed is no dash, and a line that begins with a dot or a quote is no request. */
const escape = (text: string): string =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('’', "'")
    .replace(/^(?=[.'])/, '\\&');

const quoted = (text: string): string => `"${escape(text).replaceAll('"', '""')}"`;

const upperFirst = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);
