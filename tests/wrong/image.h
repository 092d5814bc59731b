/* tests/wrong/image.h -- all files below a directory, byte for byte, to see that nothing changed.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct image {
    struct image_file {
        char *path;
        unsigned mode;
        uint8_t *data; /* of regular files */
        size_t size;
    } * files;
    size_t count;
};

void image_take(struct image *image, const char *dir);
void image_free(struct image *image);
/* Fails the test, naming the file, if anything is not as it was. */
void image_same(const struct image *image, const char *dir);
/* The same, but files may be longer and new ones may be there. */
void image_kept(const struct image *image, const char *dir);
/* The content of one file; NULL if there is none. Free it. */
uint8_t *image_read(const char *path, size_t *ret_size);
void image_write(const char *path, const void *data, size_t size);
/* Puts a regular file back. */
void image_restore(const struct image_file *file);
