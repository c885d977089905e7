/* Images from registries and from the Docker daemon into the store. */
#pragma once

#include "store.h"

/* Fetches a reference from its registry with skopeo and lists it under its expanded name (with tag "latest" where none
 * is given). platform NULL: all platforms of an index. What came with the program is taken
 * from there instead (shipped.h). */
int image_pull(struct store *s, const char *text, const struct platform *platform, struct error *err);
/* From the local Docker daemon (skopeo's docker-daemon transport). */
int image_pull_docker(struct store *s, const char *text, struct error *err);

/* For builders of images, whose results have no name yet; the manifest's descriptor into *out. What skopeo's dir:
 * transport has written into a directory (manifest.json, and the blobs that it names), which it is moved out of... */
int image_take_directory(struct store *s, const char *dir, struct oci_descriptor *out, struct error *err);
/* ... and of any source that skopeo knows, as "oci-archive:FILE", the image for the platform. */
int image_take_source(struct store *s, const char *source, const struct platform *platform, struct oci_descriptor *out,
		      struct error *err);
