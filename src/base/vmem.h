/* base/vmem.h -- large aligned pieces of the system's memory. Nobody counts them: mem_account. */
#pragma once

#include "base/common.h"

/* Zeroed; `align` a power of two, `bytes` a multiple of it. NULL when there is none. */
void *vmem_map(size_t bytes, size_t align);
void vmem_unmap(void *p, size_t bytes);
