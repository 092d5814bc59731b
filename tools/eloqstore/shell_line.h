/* eloqstore/shell_line.h -- lines for the shell: with editing, history and completion when somebody
 * types, plain when a file or a pipe gives them. */
#pragma once

#include "cli.h"

/* At most one at a time. */
void shell_line_init(struct cli *cli, bool is_interactive);
/* The next line, without its end, lent until the next call; NULL at the end. */
char *shell_line_next(void);
void shell_line_deinit(void);
