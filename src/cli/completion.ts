/**
 * `cistern completion SHELL`: a script that completes commands, options, and what is known of their values. It is made
 * from commander's tree of commands, so it knows all of them and nothing else; names of images are not completed.
 */
import type { Argument, Command, Option } from 'commander';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** What may stand in a place: one of these words, a file, or something that only the user knows. */
type Values = readonly string[] | 'file' | 'unknown';

interface Completed {
  readonly name: string;
  readonly description: string;
  readonly options: readonly {
    readonly flags: readonly string[];
    readonly description: string;
    /** Undefined: it takes none. */
    readonly values: Values | undefined;
  }[];
  /** The first one; there are no commands whose second one is of another kind. */
  readonly argument: { readonly values: Values; readonly variadic: boolean } | undefined;
}

export function completion(shell: Shell, program: Command): string {
  const visible = program.createHelp().visibleCommands(program);
  const names = visible.map((command) => command.name());
  const commands = visible.map((command) => completed(command, names));
  return { bash, zsh, fish }[shell](commands);
}

/** `names`: of all commands, as `help` takes one. */
function completed(command: Command, names: readonly string[]): Completed {
  const [argument] = command.registeredArguments;
  return {
    name: command.name(),
    description: command.description(),
    options: command
      .createHelp()
      .visibleOptions(command)
      .map((option) => ({
        flags: [option.short, option.long].filter((flag) => flag !== undefined),
        description: option.description,
        values: option.required ? valuesOf(option, option.flags) : undefined,
      })),
    argument: argument && {
      values: argument.name() === 'command' ? names : valuesOf(argument, argument.name()),
      variadic: argument.variadic,
    },
  };
}

const valuesOf = ({ argChoices }: Option | Argument, about: string): Values =>
  argChoices ?? (/\b(file|directory)\b/.test(about.replace(/^.*--[\w-]+/, '')) ? 'file' : 'unknown');

function bash(commands: readonly Completed[]): string {
  const reply = (values: Values): string =>
    values === 'unknown' ? 'return' : values === 'file' ? '_cistern_files; return' : `words='${values.join('\n')}'`;
  const places = commands.flatMap(({ name, options }) =>
    options.flatMap(({ flags, values }) =>
      values === undefined ? [] : [`    ${flags.map((flag) => `'${name} ${flag}'`).join('|')}) ${reply(values)} ;;`],
    ),
  );
  const rest = commands.map(({ name, options, argument }) => {
    const words = [...options.flatMap(({ flags }) => flags), ...listed(argument?.values)].join('\n');
    const files = argument?.values === 'file' ? ' [[ $cur == -* ]] || _cistern_files;' : '';
    return `      ${name})${files} words='${words}' ;;`;
  });
  return `# Completion for bash. Made by: cistern completion bash
_cistern_files() {
  compopt -o filenames 2>/dev/null
  COMPREPLY=($(compgen -f -- "$cur"))
}
_cistern() {
  local IFS=$'\\n' words cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]}
  COMPREPLY=()
  if [[ $cur == = ]]; then cur=
  elif [[ $prev == = ]]; then prev=\${COMP_WORDS[COMP_CWORD-2]}; fi
  if ((COMP_CWORD == 1)); then
    words='${[...commands.map(({ name }) => name), '--help', '--version'].join('\n')}'
  else
    case "\${COMP_WORDS[1]} $prev" in
${places.join('\n')}
      *) case "\${COMP_WORDS[1]}" in
${rest.join('\n')}
      esac ;;
    esac
  fi
  COMPREPLY+=($(compgen -W "$words" -- "$cur"))
}
complete -F _cistern cistern`;
}

function zsh(commands: readonly Completed[]): string {
  const text = (raw: string): string => raw.replaceAll(/[[\]:\\]/g, '\\$&').replaceAll("'", "'\\''");
  const place = (values: Values): string =>
    `:value:${values === 'file' ? '_files' : values === 'unknown' ? ' ' : `(${values.join(' ')})`}`;
  const cases = commands.map(({ name, options, argument }) => {
    const specs = options.flatMap(({ flags, description, values }) =>
      // A star, because some may be given again; commander complains of the others.
      flags.map((flag) => `'*${flag}[${text(description)}]${values === undefined ? '' : place(values)}'`),
    );
    const last = argument ? [`'${argument.variadic ? '*' : '1'}${place(argument.values)}'`] : [];
    return `    ${name}) _arguments ${[...specs, ...last].join(' ')} ;;`;
  });
  const described = commands.map(({ name, description }) => `'${name}:${text(description)}'`);
  return `#compdef cistern
# Completion for zsh. Made by: cistern completion zsh
_cistern() {
  local -a commands=(${described.join(' ')})
  if ((CURRENT == 2)); then _describe command commands; return; fi
  local command=$words[2]
  shift words
  ((CURRENT--))
  case $command in
${cases.join('\n')}
  esac
}
if [[ $funcstack[1] == _cistern ]]; then _cistern "$@"; else compdef _cistern cistern; fi`;
}

function fish(commands: readonly Completed[]): string {
  const quoted = (raw: string): string => `'${raw.replaceAll(/['\\]/g, '\\$&')}'`;
  const place = (values: Values): string =>
    values === 'file' ? ' -rF' : values === 'unknown' ? ' -x' : ` -xa ${quoted(values.join(' '))}`;
  const lines = commands.flatMap(({ name, description, options, argument }) => {
    const within = `complete -c cistern -n '__fish_seen_subcommand_from ${name}'`;
    const values = argument?.values;
    return [
      `complete -c cistern -n __fish_use_subcommand -a ${name} -d ${quoted(description)}`,
      ...(values === 'file'
        ? [`${within} -F`]
        : listed(values).length > 0
          ? [`${within}${place(listed(values))}`]
          : []),
      ...options.map(({ flags, description: about, values: taken }) => {
        const names = flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
        return `${within} ${names.join(' ')}${taken === undefined ? '' : place(taken)} -d ${quoted(about)}`;
      }),
    ];
  });
  return ['# Completion for fish. Made by: cistern completion fish', 'complete -c cistern -f', ...lines].join('\n');
}

const listed = (values: Values | undefined): readonly string[] => (typeof values === 'object' ? values : []);
