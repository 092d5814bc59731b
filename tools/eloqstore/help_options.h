/* eloqstore/help_options.h -- help options: every option of a store. */
#pragma once

#include <stdbool.h>

/* As text, or as a part of the manual page (scdoc). */
void help_options(bool as_man);
