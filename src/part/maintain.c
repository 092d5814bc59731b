/* part/maintain.c -- gives back what is not needed any more. */
#include "part/maintain.h"

#include "part/gc.h"
#include "part/remove.h"
#include "part/shrink.h"

bool part_needs_maintenance(struct part *p)
{
    return part_can_remove(p) || part_has_garbage(p) || part_can_shrink(p);
}

int part_maintain(struct task *t, struct part *p)
{
    if (part_can_remove(p)) {
        int rc = part_remove(t, p);
        if (rc <= 0)
            return rc; /* gone, or it failed; else archives keep it */
    }
    int rc = part_gc(t, p);
    if (rc != ELOQ_OK)
        return rc;
    return part_can_shrink(p) ? part_shrink(t, p) : ELOQ_OK;
}
