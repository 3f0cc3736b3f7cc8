/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to the files of SASL. */
#pragma once

#include "server/net/sasl.h"

#include <sasl/sasl.h>

sasl_conn_t *sasl_session_connection(SaslSession *session);
