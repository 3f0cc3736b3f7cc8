/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The exchange. The layer behind it: sasl-layer.c. */
#include "server/net/sasl.h"

#include "common/util/limited-warning.h"
#include "server/net/sasl-private.h"
#include "server/net/tls.h"

#include <gio/gio.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>

#define SERVICE "spice"
/* Bits of a key below which traffic without TLS does not count as encrypted (Kerberos' single DES has so many). */
#define MIN_SSF 56
#define MAX_SSF 100000
/* Of the mechanism's layer; as the stock server has it. */
#define MAX_BUFFER 8192

struct SaslSession {
    sasl_conn_t *connection;
    sasl_callback_t callbacks[2];
    const char *mechanisms; /* the connection's */
    bool tls;
};

/* Mechanisms may not be able to begin and end in two threads at a time; display channels end in a worker. */
static GMutex library_lock;

/* Cyrus writes into the system's log otherwise. */
static int log_line(void *context, int level, const char *message)
{
    if (level <= SASL_LOG_NOTE && level != SASL_LOG_NONE)
        g_info("SASL: %s", message);
    return SASL_OK;
}

bool sasl_session_init_library(const char *name, GError **error)
{
    static bool done;
    int result;

    if (done)
        return true;
    result = sasl_server_init(NULL, name);
    if (result != SASL_OK) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "SASL: %s", sasl_errstring(result, NULL, NULL));
        return false;
    }
    done = true;
    return true;
}

/* "host;port"; NULL if it has none. */
static char *address_text(const struct sockaddr_storage *address, socklen_t size)
{
    char host[NI_MAXHOST], service[NI_MAXSERV];

    if (!size || address->ss_family == AF_UNIX ||
        getnameinfo((const struct sockaddr *)address, size, host, sizeof(host), service, sizeof(service),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return NULL;
    return g_strdup_printf("%s;%s", host, service);
}

static int set_properties(SaslSession *session, int cipher_bits)
{
    sasl_security_properties_t properties = {.maxbufsize = MAX_BUFFER, .security_flags = SASL_SEC_NOANONYMOUS};
    sasl_ssf_t external = cipher_bits > 0 ? (sasl_ssf_t)cipher_bits : 0;
    int result = SASL_OK;

    if (session->tls) {
        result = sasl_setprop(session->connection, SASL_SSF_EXTERNAL, &external);
    } else {
        properties.min_ssf = MIN_SSF;
        properties.max_ssf = MAX_SSF;
        properties.security_flags |= SASL_SEC_NOPLAINTEXT;
    }
    return result == SASL_OK ? sasl_setprop(session->connection, SASL_SEC_PROPS, &properties) : result;
}

static int list_mechanisms(SaslSession *session)
{
    unsigned size = 0;
    int count = 0;
    int result = sasl_listmech(session->connection, NULL, ",", ",", ",", &session->mechanisms, &size, &count);

    return result == SASL_OK && !count ? SASL_NOMECH : result;
}

SaslSession *sasl_session_new(Stream *stream, GError **error)
{
    const SpiceChannelEventInfo *info = stream_info(stream);
    SaslSession *session = g_new0(SaslSession, 1);
    g_autofree char *local = address_text(&info->laddr_ext, info->llen_ext);
    g_autofree char *remote = address_text(&info->paddr_ext, info->plen_ext);
    int result;

    session->tls = stream_is_tls(stream);
    session->callbacks[0] = (sasl_callback_t){SASL_CB_LOG, (int (*)(void))(void (*)(void))log_line, NULL};
    session->callbacks[1] = (sasl_callback_t){SASL_CB_LIST_END, NULL, NULL};
    g_mutex_lock(&library_lock);
    result = sasl_server_new(SERVICE, NULL, NULL, local, remote, session->callbacks, SASL_SUCCESS_DATA,
                             &session->connection);
    g_mutex_unlock(&library_lock);
    if (result == SASL_OK)
        result = set_properties(session, tls_cipher_bits(stream_top(stream)));
    if (result == SASL_OK)
        result = list_mechanisms(session);
    if (result == SASL_OK)
        return session;
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "SASL: %s", sasl_errstring(result, NULL, NULL));
    sasl_session_free(session);
    return NULL;
}

void sasl_session_free(SaslSession *session)
{
    if (!session)
        return;
    g_mutex_lock(&library_lock);
    sasl_dispose(&session->connection);
    g_mutex_unlock(&library_lock);
    g_free(session);
}

sasl_conn_t *sasl_session_connection(SaslSession *session)
{
    return session->connection;
}

const char *sasl_session_mechanisms(const SaslSession *session)
{
    return session->mechanisms;
}

bool sasl_session_offers(const SaslSession *session, const char *mechanism)
{
    g_autofree char *word = g_strdup_printf(",%s,", mechanism);

    return *mechanism && !strchr(mechanism, ',') && strstr(session->mechanisms, word);
}

SaslOutcome sasl_session_step(SaslSession *session, const char *mechanism, const uint8_t *in, size_t in_size,
                              const char **out, size_t *out_size)
{
    unsigned size = 0;
    int result;

    *out = NULL;
    if (mechanism)
        result = sasl_server_start(session->connection, mechanism, (const char *)in, (unsigned)in_size, out, &size);
    else
        result = sasl_server_step(session->connection, (const char *)in, (unsigned)in_size, out, &size);
    *out_size = *out ? size : 0;
    if (result == SASL_OK)
        return SASL_SESSION_DONE;
    if (result == SASL_CONTINUE)
        return SASL_SESSION_CONTINUES;
    WARN_LIMITED("link: SASL: %s", sasl_errdetail(session->connection));
    return SASL_SESSION_FAILED;
}

bool sasl_session_is_good(SaslSession *session)
{
    const void *name = NULL, *ssf = NULL;

    if (sasl_getprop(session->connection, SASL_USERNAME, &name) != SASL_OK || !name) {
        WARN_LIMITED("link: SASL: the client has no name");
        return false;
    }
    if (!session->tls &&
        (sasl_getprop(session->connection, SASL_SSF, &ssf) != SASL_OK || *(const sasl_ssf_t *)ssf < MIN_SSF)) {
        WARN_LIMITED("link: SASL: the mechanism does not encrypt");
        return false;
    }
    g_info("link: SASL: user '%s'", (const char *)name);
    return true;
}
