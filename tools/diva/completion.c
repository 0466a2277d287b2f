/* Completion scripts for bash, zsh and fish, from the tables of commands and options. */
#include "help.h"

#include <string.h>

static void print_names(FILE *out, const struct cli_command *const *commands) {
  for (; *commands; commands++) {
    fprintf(out, " %s", (*commands)->name);
  }
}

static void print_choices(FILE *out, const char *const *choices) {
  for (int i = 0; choices[i]; i++) {
    fprintf(out, "%s%s", i ? " " : "", choices[i]);
  }
}

/* Text inside single quotes of a shell; `also` are characters that the place wants escaped. */
static void print_quoted(FILE *out, const char *text, const char *also) {
  for (; *text; text++) {
    if (*text == '\'') {
      fputs("'\\''", out);
    } else {
      if (strchr(also, *text)) {
        fputc('\\', out);
      }
      fputc(*text, out);
    }
  }
}

static bool is_path(const struct cli_option *option) {
  return option->type == CLI_FILE;
}

/* What may follow the option before the cursor: its choices, any file, or a value of one's own. */
static void bash_values(FILE *out, const struct cli_option *const *options, int count) {
  fprintf(out, "      case $previous in\n");
  for (int i = 0; i < count; i++) {
    const struct cli_option *option = options[i];
    if (!option->value) {
      continue;
    }
    fprintf(out, "        --%s", option->name);
    if (option->letter) {
      fprintf(out, "|-%c", option->letter);
    }
    if (is_path(option)) {
      fprintf(out, ") COMPREPLY=($(compgen -f -- \"$current\")) ;;\n");
    } else if (option->choices || option->word) {
      fprintf(out, ") COMPREPLY=($(compgen -W '");
      if (option->choices) {
        print_choices(out, option->choices);
      } else {
        fputs(option->word, out);
      }
      fprintf(out, "' -- \"$current\")) ;;\n");
    } else {
      fprintf(out, ") ;;\n");
    }
  }
}

static void bash_command(FILE *out, const struct cli_command *command) {
  const struct cli_option *options[CLI_OPTIONS_MAX];
  int count = cli_options_collect(command->groups, options);
  fprintf(out, "    %s)\n", command->name);
  bash_values(out, options, count);
  fprintf(out, "        *)\n          if [[ $current == -* ]]; then\n"
               "            COMPREPLY=($(compgen -W '");
  for (int i = 0; i < count; i++) {
    fprintf(out, "%s--%s", i ? " " : "", options[i]->name);
  }
  fprintf(out, "' -- \"$current\"))\n          else\n"
               "            COMPREPLY=($(compgen -f -- \"$current\"))\n          fi ;;\n"
               "      esac ;;\n");
}

static void print_bash(FILE *out, const struct cli_command *const *commands) {
  fprintf(out, "# bash completion for diva: source <(diva --completion bash)\n"
               "_diva() {\n"
               "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
               "  COMPREPLY=()\n"
               "  if ((COMP_CWORD == 1)); then\n"
               "    COMPREPLY=($(compgen -W '--help --version --man --completion help");
  print_names(out, commands);
  fprintf(out, "' -- \"$current\"))\n    return\n  fi\n  case ${COMP_WORDS[1]} in\n"
               "    help) COMPREPLY=($(compgen -W '");
  print_names(out, commands);
  fprintf(out, "' -- \"$current\")) ;;\n");
  for (const struct cli_command *const *command = commands; *command; command++) {
    bash_command(out, *command);
  }
  fprintf(out, "  esac\n}\ncomplete -o filenames -F _diva diva\n");
}

static void zsh_option(FILE *out, const struct cli_option *option) {
  fprintf(out, " \\\n        '%s--%s%s[", option->type == CLI_LIST ? "*" : "", option->name,
          option->value ? "=" : "");
  print_quoted(out, option->help, "[]:\\");
  fprintf(out, "]");
  if (option->value) {
    fprintf(out, ":%s:", option->value);
    if (is_path(option)) {
      fprintf(out, "_files");
    } else if (option->choices) {
      fputc('(', out);
      print_choices(out, option->choices);
      fputc(')', out);
    } else if (option->word) {
      fprintf(out, "(%s)", option->word);
    }
  }
  fputc('\'', out);
}

static void print_zsh(FILE *out, const struct cli_command *const *commands) {
  fprintf(out, "#compdef diva\n"
               "# zsh completion for diva: save as _diva in a folder of $fpath\n"
               "_diva() {\n"
               "  local -a commands=(\n"
               "    'help:show help'\n");
  for (const struct cli_command *const *command = commands; *command; command++) {
    fprintf(out, "    '%s:", (*command)->name);
    print_quoted(out, (*command)->purpose, ":\\");
    fprintf(out, "'\n");
  }
  fprintf(out, "  )\n"
               "  if ((CURRENT == 2)); then\n"
               "    _describe command commands\n"
               "    return\n"
               "  fi\n"
               "  local name=$words[2]\n"
               "  shift words\n"
               "  ((CURRENT--))\n"
               "  case $name in\n"
               "    help) _describe command commands ;;\n");
  for (const struct cli_command *const *command = commands; *command; command++) {
    const struct cli_option *options[CLI_OPTIONS_MAX];
    int count = cli_options_collect((*command)->groups, options);
    fprintf(out, "    %s)\n      _arguments", (*command)->name);
    for (int i = 0; i < count; i++) {
      zsh_option(out, options[i]);
    }
    fprintf(out, " \\\n        '*:file:_files' ;;\n");
  }
  fprintf(out, "  esac\n}\ncompdef _diva diva\n");
}

static void fish_option(FILE *out, const char *command, const struct cli_option *option) {
  fprintf(out, "complete -c diva -n '__fish_seen_subcommand_from %s' -l %s", command, option->name);
  if (option->letter) {
    fprintf(out, " -s %c", option->letter);
  }
  if (is_path(option)) {
    fprintf(out, " -r -F");
  } else if (option->choices) {
    fprintf(out, " -x -a '");
    print_choices(out, option->choices);
    fputc('\'', out);
  } else if (option->word) {
    fprintf(out, " -x -a %s", option->word);
  } else if (option->value) {
    fprintf(out, " -x");
  }
  fprintf(out, " -d '");
  for (const char *c = option->help; *c; c++) { /* fish escapes a quote inside quotes by \ */
    fprintf(out, "%s%c", *c == '\'' || *c == '\\' ? "\\" : "", *c);
  }
  fprintf(out, "'\n");
}

static void print_fish(FILE *out, const struct cli_command *const *commands) {
  fprintf(out, "# fish completion for diva: diva --completion fish | source\n");
  for (const struct cli_command *const *command = commands; *command; command++) {
    fprintf(out, "complete -c diva -n __fish_use_subcommand -x -a %s -d '", (*command)->name);
    for (const char *c = (*command)->purpose; *c; c++) {
      fprintf(out, "%s%c", *c == '\'' || *c == '\\' ? "\\" : "", *c);
    }
    fprintf(out, "'\n");
  }
  for (const struct cli_command *const *command = commands; *command; command++) {
    const struct cli_option *options[CLI_OPTIONS_MAX];
    int count = cli_options_collect((*command)->groups, options);
    for (int i = 0; i < count; i++) {
      fish_option(out, (*command)->name, options[i]);
    }
  }
}

enum diva_status cli_completion_print(FILE *out, const char *shell,
                                      const struct cli_command *const *commands,
                                      struct diva_error *error) {
  static const char *const shells[] = {"bash", "zsh", "fish", NULL};
  if (strcmp(shell, "bash") == 0) {
    print_bash(out, commands);
  } else if (strcmp(shell, "zsh") == 0) {
    print_zsh(out, commands);
  } else if (strcmp(shell, "fish") == 0) {
    print_fish(out, commands);
  } else {
    const char *near = diva_suggest(shell, shells);
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "--completion '%s': must be bash, zsh or fish%s%s%s", shell,
                          near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
  }
  return DIVA_OK;
}
