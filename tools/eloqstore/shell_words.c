/* eloqstore/shell_words.c -- a line of the shell cut into words. */
#include "shell_words.h"

#include <stdbool.h>
#include <string.h>

#include "args.h"

/* One escape behind the backslash at *from: its byte, -1 if it is none. */
static int escape(const char **from)
{
    const char *at = *from + 1;
    if (*at == '\0')
        return -1;
    *from = at + 1;
    switch (*at) {
    case 't':
        return '\t';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 'x':
        break;
    default:
        return (unsigned char)*at;
    }
    int high = args_hex_digit((unsigned char)at[1]);
    int low = high < 0 ? -1 : args_hex_digit((unsigned char)at[2]);
    if (low < 0 || (high << 4 | low) == 0)
        return -1;
    *from = at + 3;
    return high << 4 | low;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Copies one word from *from to *to, both in the line. NULL, or what is wrong. */
static const char *take_word(const char **from, char **to)
{
    char quote = '\0';
    while (**from != '\0' && (quote || !is_blank(**from))) {
        char c = **from;
        if (quote ? c == quote : c == '\'' || c == '"') {
            quote = quote ? '\0' : c;
            (*from)++;
        } else if (c == '\\' && quote != '\'') {
            int byte = escape(from);
            if (byte < 0)
                return "bad escape: \\xNN wants two hex digits other than 00, a \\ a sign behind "
                       "it";
            *(*to)++ = (char)byte;
        } else {
            *(*to)++ = c;
            (*from)++;
        }
    }
    return quote ? "a quote is not closed" : NULL;
}

const char *shell_words_split(char *line, struct shell_words *ret)
{
    const char *from = line;
    char *to = line;
    ret->count = 0;
    for (;;) {
        while (is_blank(*from))
            from++;
        if (*from == '\0' || *from == '#')
            break;
        if (ret->count == SHELL_WORDS_MAX)
            return "too many words";
        ret->at[ret->count++] = to;
        const char *error = take_word(&from, &to);
        if (error)
            return error;
        if (*from != '\0')
            from++; /* before the end of the word overwrites it */
        *to++ = '\0';
    }
    ret->at[ret->count] = NULL;
    return NULL;
}
