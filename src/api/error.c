/* api/error.c -- statuses and failures in words and as data. */
#include "base/error.h"

#include "engine/request.h"

const char *eloq_strerror(int status)
{
    return err_name(status);
}

const char *eloq_errmsg(void)
{
    return error_last()->text;
}

static const struct err *err_of(const eloq_op *op)
{
    return op ? &((const struct request *)(const void *)op->opaque)->err : error_last();
}

const char *eloq_op_errmsg(const eloq_op *op)
{
    return op && op->status < 0 ? err_of(op)->text : "";
}

int eloq_error_detail(const eloq_op *op, eloq_error *ret)
{
    if (!ret)
        return error_fail(ELOQ_INVALID, "no place for the error");
    *ret = (eloq_error){ 0 };
    if (op && op->status >= 0)
        return ELOQ_OK;
    const struct err *e = err_of(op);
    ret->status = e->code;
    ret->sys_errno = e->sys_errno;
    ret->file = e->path[0] ? e->path : NULL;
    ret->offset = e->offset;
    ret->table = e->table[0] ? e->table : NULL;
    ret->partition = e->partition;
    ret->retryable = err_retryable(e->code);
    return ELOQ_OK;
}

const char *eloq_version(void)
{
    return ELOQ_VERSION;
}
