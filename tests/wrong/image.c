/* tests/wrong/image.c -- all files below a directory, byte for byte. */
#include "wrong/image.h"

#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct image *taking; /* nftw has no argument of ours */

uint8_t *image_read(const char *path, size_t *ret_size)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return NULL;
    ck_assert_int_eq(fstat(fd, &st), 0);
    uint8_t *data = malloc((size_t)st.st_size + 1);
    ck_assert_ptr_nonnull(data);
    ck_assert_int_eq(read(fd, data, (size_t)st.st_size), st.st_size);
    close(fd);
    *ret_size = (size_t)st.st_size;
    return data;
}

void image_write(const char *path, const void *data, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    ck_assert_msg(fd >= 0, "%s", path);
    ck_assert_int_eq(write(fd, data, size), (ssize_t)size);
    close(fd);
}

void image_restore(const struct image_file *file)
{
    remove(file->path);
    image_write(file->path, file->data, file->size);
}

static int take(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    struct image_file file = { .path = strdup(path), .mode = st->st_mode };

    (void)flag;
    (void)ftw;
    if (S_ISREG(st->st_mode)) {
        file.data = image_read(path, &file.size);
        ck_assert_ptr_nonnull(file.data);
    }
    taking->files = realloc(taking->files, (taking->count + 1) * sizeof(file));
    ck_assert_ptr_nonnull(taking->files);
    taking->files[taking->count++] = file;
    return 0;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct image_file *)a)->path, ((const struct image_file *)b)->path);
}

void image_take(struct image *image, const char *dir)
{
    *image = (struct image){ 0 };
    taking = image;
    nftw(dir, take, 16, FTW_PHYS);
    if (image->count > 0)
        qsort(image->files, image->count, sizeof(*image->files), by_path);
}

void image_free(struct image *image)
{
    for (size_t i = 0; i < image->count; i++) {
        free(image->files[i].path);
        free(image->files[i].data);
    }
    free(image->files);
    *image = (struct image){ 0 };
}

static void compare(const struct image *image, const char *dir, int may_grow)
{
    struct image now;

    image_take(&now, dir);
    for (size_t i = 0; i < image->count; i++) {
        const struct image_file *was = &image->files[i];
        const struct image_file *is = bsearch(was, now.files, now.count, sizeof(*is), by_path);
        ck_assert_msg(is != NULL, "%s is gone", was->path);
        ck_assert_msg(is->mode == was->mode, "%s has become something else", was->path);
        ck_assert_msg(may_grow ? is->size >= was->size : is->size == was->size,
                      "%s has another size", was->path);
        if (was->size > 0)
            ck_assert_msg(memcmp(is->data, was->data, was->size) == 0, "%s has changed", was->path);
    }
    if (!may_grow && now.count != image->count)
        ck_abort_msg("%s has new files", dir);
    image_free(&now);
}

void image_same(const struct image *image, const char *dir)
{
    compare(image, dir, 0);
}

void image_kept(const struct image *image, const char *dir)
{
    compare(image, dir, 1);
}
