# Bash completion for eloqstore. Commands, their options and the keys of -o are asked of the program itself,
# so that they are those it has.

_eloqstore_tables() {
    # Only what opens quickly: no counting. A partition 0 is shown by its table's name.
    "${COMP_WORDS[0]}" "${_eloqstore_globals[@]}" tables 2>/dev/null | cut -f1 | sed 's/\.0$//'
}

_eloqstore_commands() {
    "${COMP_WORDS[0]}" help 2>/dev/null | sed -n '/^Options:/q; s/^  \([a-z][a-z-]*\) .*/\1/p'
}

_eloqstore_command_options() {
    "${COMP_WORDS[0]}" help "$1" 2>/dev/null | sed -n 1p | grep -o -e '--[a-z][a-z-]*'
}

_eloqstore() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    local globals='--store --config --set --io-backend --as-of --hex --json --quiet --version --help'
    local command='' at=0 i usage
    local -a _eloqstore_globals=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -s | -c | -o | --store | --config | --set | --io-backend | --as-of)
            _eloqstore_globals+=("${COMP_WORDS[i]}" "${COMP_WORDS[i + 1]}")
            ((i++))
            ;;
        -*) ;;
        *)
            command=${COMP_WORDS[i]}
            at=$i
            break
            ;;
        esac
    done

    case $prev in
    -s | --store)
        mapfile -t COMPREPLY < <(compgen -d -- "$cur")
        return
        ;;
    -c | --config | --ack)
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
        ;;
    -o | --set)
        mapfile -t COMPREPLY < <(compgen -S = -W "$("${COMP_WORDS[0]}" help options 2>/dev/null |
            sed -n 's/^  \([a-z][a-z_]*\)$/\1/p')" -- "$cur")
        compopt -o nospace 2>/dev/null
        return
        ;;
    --io-backend)
        mapfile -t COMPREPLY < <(compgen -W 'auto uring threads sync memory' -- "$cur")
        return
        ;;
    --format)
        mapfile -t COMPREPLY < <(compgen -W 'tsv json digest' -- "$cur")
        return
        ;;
    esac

    if [[ -z $command ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_eloqstore_commands) $globals" -- "$cur")
        return
    fi
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_eloqstore_command_options "$command") --help" -- "$cur")
        return
    fi
    case $command in
    help)
        ((COMP_CWORD == at + 1)) &&
            mapfile -t COMPREPLY < <(compgen -W "$(_eloqstore_commands) options" -- "$cur")
        return
        ;;
    repair)
        mapfile -t COMPREPLY < <(compgen -d -- "$cur")
        return
        ;;
    esac
    usage=$("${COMP_WORDS[0]}" help "$command" 2>/dev/null | sed -n "1s/.* $command //p")
    if ((COMP_CWORD == at + 1)) && [[ $usage == TABLE* || $usage == \[TABLE* || $usage == NAME* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_eloqstore_tables)" -- "$cur")
    elif [[ $command == load ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    fi
}

complete -F _eloqstore eloqstore
