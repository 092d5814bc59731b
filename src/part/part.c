/* part/part.c -- one partition in memory: open, close, and its names. */
#include "part/part.h"

#include <stdio.h>

#include "base/check.h"
#include "file/name.h"
#include "part/manifest_log.h"
#include "part/part_load.h"

#define FREE_STEP 4096 /* mapping nodes freed between two yields */

static int init_part(struct part *p, const char *table, uint32_t partition)
{
    struct part_env *env = p->env;
    const char *store_path = env->store_paths[partition % env->store_path_count];

    p->partition = partition;
    p->table = mem_strdup(env->mem, MEM_MAPPING, table);
    p->current = snapshot_new(p, 1);
    if (!p->table || !p->current)
        return ELOQ_NO_MEMORY;
    list_push_front(&p->snapshots, &p->current->link);
    falloc_init(&p->falloc, env->mem, env->append, 0);
    usage_init(&p->usage, env->mem, env->pages_per_file_shift,
               env->amplify_factor ? env->amplify_factor : 2);
    bitset_init(&p->free_ids, env->mem, MEM_MAPPING);
    TRY(pagefiles_init(&p->files, env->fds, env->mem, p->table, partition, store_path,
                       env->shape.page_bytes, env->pages_per_file_shift, env->append, env->verify));
    p->files.writes = env->writes;
    return ELOQ_OK;
}

/* With version 1 of nothing. */
int part_open_blank(struct task *t, struct part_env *env, const char *table, uint32_t partition,
                    struct part **ret)
{
    struct part *p = mem_zalloc(env->mem, MEM_MAPPING, sizeof(*p));

    if (!p)
        return task_no_memory(t);
    p->env = env;
    training_init(p);
    expiry_init(p);
    ahead_init(&p->ahead, env->ahead_after);
    p->manifest_fd = -1;
    list_init(&p->manifest_idle);
    p->archive_fd = -1;
    list_init(&p->snapshots);
    page_owner_init(&p->indexes);
    leaf_owner_init(env->leaves, &p->leaves);
    list_init(&p->lru);
    int rc = init_part(p, table, partition);
    if (rc == ELOQ_OK) {
        *ret = p;
        return ELOQ_OK;
    }
    rc = rc == ELOQ_NO_MEMORY
             ? task_no_memory(t)
             : task_fail(t, rc, "path too long table=%s partition=%u", table, partition);
    snapshot_free(p->current);
    mem_free(env->mem, p->table);
    mem_free(env->mem, p);
    return rc;
}

int part_open(struct task *t, struct part_env *env, const char *table, uint32_t partition,
              bool create, struct part **ret)
{
    struct part *p = NULL;

    TRY(part_open_blank(t, env, table, partition, &p));
    int rc = part_load(t, p);
    if (rc == ELOQ_NOT_FOUND && create) {
        CHECK(!env->read_only);
        rc = ELOQ_OK;
    }
    if (rc != ELOQ_OK) {
        part_close(t, p);
        return rc;
    }
    *ret = p;
    return ELOQ_OK;
}

void part_close(struct task *t, struct part *p)
{
    struct part_env *env = p->env;
    struct snapshot *last = p->current;

    CHECK(last->refs == 1 && p->snapshots.next == &last->link && p->snapshots.prev == &last->link);
    CHECK(!last->dead_nodes && !last->dead_places);
    manifest_log_rest_sealed(t, p);
    ahead_trim(t, p);
    while (!mapping_free_some(env->mem, &last->map, FREE_STEP))
        task_yield(t);
    list_remove(&last->link);
    snapshot_free(last);

    manifest_log_close(t, p);
    if (p->archive_fd >= 0)
        io_close_file(t, env->io, p->archive_fd);
    mem_free(env->mem, p->found_pages);
    training_deinit(p);
    expiry_deinit(p);
    fdcache_close_owner(t, env->fds, &p->files);
    page_cache_drop_owner(env->cache, &p->indexes);
    leaf_cache_drop_owner(env->leaves, &p->leaves);
    pagefiles_deinit(&p->files);
    falloc_deinit(&p->falloc);
    usage_clear(&p->usage);
    bitset_free(&p->free_ids);
    mem_free(env->mem, p->table);
    mem_free(env->mem, p);
}

uint64_t part_footprint(const struct part *p)
{
    const struct snapshot *s = p->current;
    uint64_t leaves = (uint64_t)s->map.page_count / MAPPING_FANOUT + 1;
    uint64_t bits = p->falloc.free.size + p->free_ids.size;

    return sizeof(*p) + sizeof(*s) + leaves * sizeof(struct mapping_node)
           + (s->dict ? s->dict->size : 0) + p->training.samples.kept.capacity + bits / 8
           + p->usage.bytes + p->files.terms.capacity * sizeof(struct term_entry);
}

void part_give_place(struct part *p, struct file_page place)
{
    leaf_cache_drop(p->env->leaves, &p->leaves, place);
    if (p->falloc.append) {
        /* A restored archive may map it again, for newer readers. */
        page_cache_let_go(p->env->cache, &p->indexes, place);
        usage_gone(&p->usage, place);
    } else {
        page_cache_drop(p->env->cache, &p->indexes, place);
        falloc_give(&p->falloc, place);
    }
}

int part_sync_pages(struct task *t, struct part *p)
{
    bool tries_names = p->files.dir_unsynced && !p->files.sync_failed;
    int rc = pagefiles_sync(t, &p->files);

    if (rc == ELOQ_OK)
        return ELOQ_OK;
    p->unknown = true;
    /* The pages of this write are given up. But the name of a new file, once a flush of its
     * directory has failed, may be lost without the system saying so again: the file must not be
     * used. */
    if (tries_names && p->files.dir_unsynced && rc != ELOQ_NO_MEMORY && rc != ELOQ_BUSY)
        p->broken = true;
    err_part(&t->err, p->table, p->partition);
    return rc;
}

int part_fail(struct task *t, const struct part *p, int code, const char *what)
{
    task_fail(t, code, "%s table=%s partition=%u", what, p->table, p->partition);
    err_part(&t->err, p->table, p->partition);
    return code;
}

void part_manifest_path(const struct part *p, char *path, size_t size)
{
    char name[FILE_NAME_BYTES];

    file_name_manifest(name, p->manifest_term);
    snprintf(path, size, "%s/%s", p->files.dir, name);
}
