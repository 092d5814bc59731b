/* part/replace.h -- a partition whose live manifest is damaged gets another one, because somebody
 * asked for that by its name: to restore an archive, or to drop it.
 *
 * It is in no table meanwhile: until the new manifest has its name readers are told of the damage,
 * from then on they load what is new. No data file is removed here: what the damaged manifest named
 * is without an owner afterwards, and goes with the first write (part/gc.h). Under the write slot.
 */
#pragma once

#include "part/part.h"

/* An empty partition that takes writes behind everything that its directory holds, whatever its
 * manifest says. ELOQ_OK, or a failure. Close it with replace_close. */
int replace_open(struct task *t, struct part_env *env, const char *table, uint32_t partition,
                 struct part **ret);
void replace_close(struct task *t, struct part *p);
/* Makes it an empty one. ELOQ_OK, or a failure. */
int replace_with_nothing(struct task *t, struct part_env *env, const char *table,
                         uint32_t partition);
