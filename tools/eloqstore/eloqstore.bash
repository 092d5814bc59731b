# Bash completion for eloqstore: options, commands, their options, tables.

_eloqstore_tables() {
    # Only what opens quickly: no counting. A partition 0 is shown by its table's name.
    "${COMP_WORDS[0]}" "${_eloqstore_globals[@]}" tables 2>/dev/null | cut -f1 | sed 's/\.0$//'
}

_eloqstore() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    local commands='put get del floor scan count load dump tables stat check truncate drop compact clean-expired archive archives restore page manifest help'
    local globals='--store --config --set --io-backend --as-of --hex --json --quiet --version'
    local command='' at=0 i
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
        mapfile -t COMPREPLY < <(compgen -W "$commands $globals" -- "$cur")
        return
    fi
    if [[ $cur == -* ]]; then
        local options=
        case $command in
        put) options='--ttl --expire-at --timestamp' ;;
        get) options='--raw' ;;
        del) options='--timestamp' ;;
        scan) options='--from --to --prefix --limit --reverse --keys-only' ;;
        load) options='--format --batch --skip --sync-each --ack' ;;
        dump) options='--format --expired' ;;
        tables) options='--count' ;;
        archive) options='--timestamp' ;;
        esac
        mapfile -t COMPREPLY < <(compgen -W "$options --help" -- "$cur")
    elif ((COMP_CWORD == at + 1)); then
        case $command in
        help) mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$cur") ;;
        tables) ;;
        *) mapfile -t COMPREPLY < <(compgen -W "$(_eloqstore_tables)" -- "$cur") ;;
        esac
    elif [[ $command == load ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    fi
}

complete -F _eloqstore eloqstore
