/* Fields of a bundle's JSON files: an absent one and null are nothing, one of another type is refused by name. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "error.h"
#include "jsonr.h"

/* The whole file, an object of at most OCI_FILE_MAX bytes. */
int fields_load(const void *json, size_t n, struct jsonr *root, struct error *err);

/* 1: a value of this type is there, 0: none, -1: one of another type. */
int field_get(const struct jsonr *object, const char *name, enum jsonr_type type, struct jsonr *out, struct error *err);
/* A string; absent and empty ones are both NULL. */
int field_text(const struct jsonr *object, const char *name, char **out, struct error *err);
/* The text of a string that is there; name is for the message. */
int field_text_copy(const struct jsonr *value, const char *name, char **out, struct error *err);
int field_bool(const struct jsonr *object, const char *name, bool *out, struct error *err);
/* Appends a list of strings. */
int field_texts(const struct jsonr *object, const char *name, char ***out, struct error *err);
/* A list of objects, each read by `read` into one element of a new array. Also on failure *out is the caller's. */
int field_objects(const struct jsonr *object, const char *name, size_t size, void **out, size_t *count,
		  int (*read)(const struct jsonr *, void *, struct error *), struct error *err);
