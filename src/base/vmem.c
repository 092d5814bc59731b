/* base/vmem.c -- large aligned pieces of the system's memory. */
#include "base/vmem.h"

#include <sys/mman.h>

/* Maps more and gives back what lies before and behind. */
void *vmem_map(size_t bytes, size_t align)
{
    uint8_t *all = mmap(NULL, bytes + align, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (all == MAP_FAILED)
        return NULL;
    size_t before = (align - (uintptr_t)all % align) % align;
    if (before > 0)
        munmap(all, before);
    munmap(all + before + bytes, align - before);
    return all + before;
}

void vmem_unmap(void *p, size_t bytes)
{
    munmap(p, bytes);
}
