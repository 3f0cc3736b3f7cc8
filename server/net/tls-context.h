/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to the files of TLS. */
#pragma once

#include "server/net/tls.h"

#include <openssl/ssl.h>

SSL_CTX *tls_context_ssl(TlsContext *context);
