/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A self-signed certificate and its key in files, for tests of TLS. */
#pragma once

#include "server/net/tls.h"

/* Writes DIRECTORY/cert.pem and DIRECTORY/key.pem (encrypted, if there is a password), and names them in the
 * configuration. */
void certificate_write(const char *directory, const char *password, TlsConfig *config);
/* Removes the files and the directory. */
void certificate_remove(const char *directory);
