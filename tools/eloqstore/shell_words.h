/* eloqstore/shell_words.h -- a line of the shell cut into words. Pure. */
#pragma once

#define SHELL_WORDS_MAX 256

struct shell_words {
    char *at[SHELL_WORDS_MAX + 1]; /* in the line; ended by NULL */
    int count;
};

/* Cuts a line in place: blanks part words, '...' and "..." hold them together, \xNN, \t, \n, \r and
 * \ before any other sign stand for that byte (not within '...'); # begins a comment. NULL, or
 * static words for what is wrong. A byte 0 cannot be in a word. */
const char *shell_words_split(char *line, struct shell_words *ret);
