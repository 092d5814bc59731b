/* examples/events.c -- asynchronous reads inside a host's own epoll loop. */
#include <eloqstore.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

struct lookup {
    eloq_op op; /* first: an eloq_op * is a struct lookup * */
    int fd_client;
};

static int answered;

static void lookup_done(eloq_op *op)
{
    struct lookup *lookup = (struct lookup *)op;
    if (op->status == ELOQ_OK)
        dprintf(lookup->fd_client, "%.*s\n", (int)op->record.value.size,
                (char *)op->record.value.data);
    else
        dprintf(lookup->fd_client, "- %s\n", eloq_op_errmsg(op));
    eloq_record_free(&op->record);
    answered++;
}

static int run(eloq_store *db, eloq_queue *queue, int epoll)
{
    static const char *const keys[] = { "alice", "nobody" };
    struct lookup lookups[2];

    for (int i = 0; i < 2; i++) {
        struct lookup *lookup = &lookups[i];
        lookup->fd_client = STDOUT_FILENO;
        lookup->op = (eloq_op){ .done = lookup_done, .queue = queue };
        int rc = eloq_get_async(db, (eloq_part){ "users", 0 }, eloq_str(keys[i]), &lookup->op);
        if (rc < 0)
            return rc;
    }
    while (answered < 2) {
        struct epoll_event event;
        if (epoll_wait(epoll, &event, 1, 10000) == 1)
            eloq_queue_run(queue, 0);
    }
    return ELOQ_OK;
}

int main(void)
{
    eloq_options options = ELOQ_OPTIONS("./data");
    struct epoll_event event = { .events = EPOLLIN };
    eloq_queue *queue = NULL;
    eloq_store *db = NULL;
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    int rc = eloq_open(&options, &db);
    if (rc == ELOQ_OK)
        rc = eloq_put(db, (eloq_part){ "users", 0 }, eloq_str("alice"), eloq_str("42"));
    if (rc == ELOQ_OK)
        rc = eloq_queue_new(&queue);
    if (rc == ELOQ_OK) {
        epoll_ctl(epoll, EPOLL_CTL_ADD, eloq_queue_fd(queue), &event);
        rc = run(db, queue, epoll);
    }
    if (rc < 0)
        fprintf(stderr, "%s\n", eloq_errmsg());
    eloq_close(db);
    eloq_queue_free(queue);
    close(epoll);
    return rc == ELOQ_OK ? 0 : 1;
}
