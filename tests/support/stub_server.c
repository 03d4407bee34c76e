#include "tests/support/stub_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/stub_answer.h"

enum { CONNECTIONS = 512, REQUEST_LIMIT = 64 << 20 };

const char *const stub_fault_names[STUB_FAULTS] = {
    [STUB_NONE]         = "none",
    [STUB_SLOW]         = "slow",
    [STUB_500]          = "500",
    [STUB_429]          = "429",
    [STUB_400]          = "400",
    [STUB_401]          = "401",
    [STUB_BAD_JSON]     = "bad-json",
    [STUB_NO_GRADE]     = "no-grade",
    [STUB_OUT_OF_RANGE] = "range",
    [STUB_NAN]          = "nan",
    [STUB_EMPTY]        = "empty",
    [STUB_TRUNCATED]    = "truncated",
    [STUB_SHORT_LENGTH] = "length",
    [STUB_DROP]         = "drop",
    [STUB_RESET]        = "reset",
    [STUB_ENDLESS]      = "endless",
    [STUB_HEADERS]      = "headers",
    [STUB_REDIRECT]     = "redirect",
    [STUB_LORIS]        = "loris",
    [STUB_GARBAGE]      = "garbage",
    [STUB_ECHO]         = "echo",
};

typedef struct Connection {
    StubServer *server;
    int         fd; /* -1: free */
    bool        used;
    pthread_t   thread;
} Connection;

struct StubServer {
    StubOptions     options;
    int             fd, port;
    pthread_t       thread;
    pthread_mutex_t mutex; /* for all below */
    bool            stopping;
    uint32_t        requests, connections, now, most;
    char           *last;
    FILE           *log;
    Connection      list[CONNECTIONS];
};

static bool stopping(StubServer *server)
{
    pthread_mutex_lock(&server->mutex);
    const bool is = server->stopping;
    pthread_mutex_unlock(&server->mutex);
    return is;
}

static bool send_all(int fd, const char *data, size_t bytes)
{
    while (bytes > 0) {
        const ssize_t sent = send(fd, data, bytes, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        data += sent;
        bytes -= (size_t)sent;
    }
    return true;
}

static void nap(StubServer *server, double seconds)
{
    for (; seconds > 0 && !stopping(server); seconds -= 0.01) {
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
}

/* One request, head and body, NUL-terminated; NULL: the other end has gone. */
static char *receive(int fd, size_t *head, size_t *bytes)
{
    size_t used = 0, capacity = 4096, wanted = 0;
    char  *data = malloc(capacity);
    *head       = 0;
    while (data != NULL && (*head == 0 || used < *head + wanted)) {
        if (used + 1 >= capacity) {
            capacity *= 2;
            char *grown = capacity <= REQUEST_LIMIT ? realloc(data, capacity) : NULL;
            if (grown == NULL) {
                break;
            }
            data = grown;
        }
        const ssize_t got = recv(fd, data + used, capacity - used - 1, 0);
        if (got <= 0) {
            break;
        }
        used += (size_t)got;
        data[used]      = '\0';
        const char *end = *head == 0 ? strstr(data, "\r\n\r\n") : NULL;
        if (end != NULL) {
            *head = (size_t)(end - data) + 4;
            for (const char *line = data; line < end; line = strstr(line, "\r\n") + 2) {
                if (strncasecmp(line, "content-length:", 15) == 0) {
                    wanted = strtoul(line + 15, NULL, 10);
                }
            }
        }
    }
    *bytes = *head + wanted;
    if (data != NULL && (*head == 0 || used < *bytes)) {
        free(data);
        return NULL;
    }
    return data;
}

static void answer(int fd, const char *status, const char *more, const char *body, size_t promised)
{
    char head[400];
    snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n%s\r\n",
             status, promised, more);
    if (send_all(fd, head, strlen(head))) {
        send_all(fd, body, strlen(body));
    }
}

static void forever(StubServer *server, int fd, const char *head, const char *piece, double pause)
{
    bool good = send_all(fd, head, strlen(head));
    while (good && !stopping(server)) {
        good = send_all(fd, piece, strlen(piece));
        nap(server, pause);
    }
}

/* The value of the request's Authorization. */
static void authorization(const char *request, size_t head, char *out, size_t size)
{
    out[0] = '\0';
    for (const char *line = request; line != NULL && line < request + head;
         line = strstr(line, "\r\n"), line = line != NULL ? line + 2 : NULL) {
        if (strncasecmp(line, "authorization: ", 15) == 0) {
            snprintf(out, size, "%.*s", (int)strcspn(line + 15, "\r\n"), line + 15);
        }
    }
}

/* Answers one request with a fault or without; false: the connection is to be closed. */
static bool serve(StubServer *server, int fd, StubFault fault, const char *request, size_t head)
{
    char  key[200], text[600];
    char *right = stub_answer(request, head, fault);
    authorization(request, head, key, sizeof key);
    const size_t length = right != NULL ? strlen(right) : 0;
    bool         keep   = true;
    switch (right != NULL ? fault : STUB_DROP) {
    case STUB_SLOW:
        nap(server, server->options.seconds);
        answer(fd, "200 OK", "", right, length);
        break;
    case STUB_500:
        snprintf(text, sizeof text, "{\"error\": {\"message\": \"overloaded,\n you sent '%s'\"}}", key);
        answer(fd, "500 Internal Server Error", "", text, strlen(text));
        break;
    case STUB_429: answer(fd, "429 Too Many Requests", "Retry-After: 1\r\n", "{}", 2); break;
    case STUB_400: answer(fd, "400 Bad Request", "", "{\"error\": \"no such model\"}", 26); break;
    case STUB_401: answer(fd, "401 Unauthorized", "", "", 0); break;
    case STUB_BAD_JSON: answer(fd, "200 OK", "", "{\"choices\": [", 13); break;
    case STUB_EMPTY: answer(fd, "200 OK", "", "", 0); break;
    case STUB_TRUNCATED:
        right[length / 2] = '\0';
        answer(fd, "200 OK", "", right, length);
        keep = false;
        break;
    case STUB_SHORT_LENGTH:
        answer(fd, "200 OK", "", right, length / 2);
        keep = false;
        break;
    case STUB_DROP: keep = false; break;
    case STUB_RESET:
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
        keep = false;
        break;
    case STUB_ENDLESS:
        forever(server, fd, "HTTP/1.1 200 OK\r\n\r\n",
                "                                                                ", 0);
        keep = false;
        break;
    case STUB_HEADERS:
        forever(server, fd, "HTTP/1.1 200 OK\r\n",
                "X-More: ........................................................\r\n", 0);
        keep = false;
        break;
    case STUB_REDIRECT: answer(fd, "302 Found", "Location: /elsewhere\r\n", "", 0); break;
    case STUB_LORIS:
        forever(server, fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", " ", 0.1);
        keep = false;
        break;
    case STUB_GARBAGE:
        send_all(fd, "\x01\x02SSH-2.0-nonsense\r\n", 20);
        keep = false;
        break;
    default: answer(fd, "200 OK", "", right, length); break;
    }
    free(right);
    return keep;
}

static StubFault note_request(StubServer *server, const char *request)
{
    pthread_mutex_lock(&server->mutex);
    const uint32_t     number  = server->requests++;
    const StubOptions *options = &server->options;
    const bool         faulty =
        (options->faulty == 0 || number < options->faulty) && (options->one_in == 0 || number % options->one_in == 0);
    free(server->last);
    server->last = strdup(request);
    if (server->log != NULL) {
        fprintf(server->log, "%s\n", request);
        fflush(server->log);
    }
    server->now++;
    server->most = server->now > server->most ? server->now : server->most;
    pthread_mutex_unlock(&server->mutex);
    return faulty ? options->fault : STUB_NONE;
}

static void *connection_thread(void *user)
{
    Connection *connection = user;
    StubServer *server     = connection->server;
    bool        keep       = true;
    while (keep && !stopping(server)) {
        size_t head, bytes;
        char  *request = receive(connection->fd, &head, &bytes);
        if (request == NULL) {
            break;
        }
        const StubFault fault = note_request(server, request);
        keep                  = serve(server, connection->fd, fault, request, head);
        pthread_mutex_lock(&server->mutex);
        server->now--;
        pthread_mutex_unlock(&server->mutex);
        free(request);
    }
    pthread_mutex_lock(&server->mutex);
    close(connection->fd);
    connection->fd = -1;
    pthread_mutex_unlock(&server->mutex);
    return NULL;
}

/* A place whose thread, if it had one, is over. Under the mutex. */
static Connection *free_place(StubServer *server)
{
    for (int i = 0; i < CONNECTIONS; i++) {
        Connection *connection = &server->list[i];
        if (connection->fd < 0) {
            if (connection->used) {
                pthread_join(connection->thread, NULL);
                connection->used = false;
            }
            return connection;
        }
    }
    return NULL;
}

static void *accept_thread(void *user)
{
    StubServer *server = user;
    for (int fd; (fd = accept(server->fd, NULL, NULL)) >= 0 && !stopping(server);) {
        pthread_mutex_lock(&server->mutex);
        Connection *connection = free_place(server);
        if (connection == NULL) {
            close(fd);
        } else {
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
            connection->server = server;
            connection->fd     = fd;
            connection->used   = pthread_create(&connection->thread, NULL, connection_thread, connection) == 0;
            server->connections++;
        }
        pthread_mutex_unlock(&server->mutex);
    }
    return NULL;
}

StubServer *stub_start(const StubOptions *options)
{
    StubServer        *server  = calloc(1, sizeof *server);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port   = htons((uint16_t)options->port),
                                  .sin_addr   = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t          size    = sizeof address;
    if (server == NULL) {
        return NULL;
    }
    server->options = *options;
    server->log     = options->log != NULL ? fopen(options->log, "w") : NULL;
    server->fd      = socket(AF_INET, SOCK_STREAM, 0);
    for (int i = 0; i < CONNECTIONS; i++) {
        server->list[i].fd = -1;
    }
    pthread_mutex_init(&server->mutex, NULL);
    setsockopt(server->fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(server->fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(server->fd, 256) != 0 ||
        getsockname(server->fd, (struct sockaddr *)&address, &size) != 0 ||
        pthread_create(&server->thread, NULL, accept_thread, server) != 0) {
        close(server->fd);
        free(server);
        return NULL;
    }
    server->port = ntohs(address.sin_port);
    return server;
}

void stub_stop(StubServer *server)
{
    if (server == NULL) {
        return;
    }
    pthread_mutex_lock(&server->mutex);
    server->stopping = true;
    pthread_mutex_unlock(&server->mutex);
    shutdown(server->fd, SHUT_RDWR); /* ends accept */
    pthread_join(server->thread, NULL);
    close(server->fd);
    for (int i = 0; i < CONNECTIONS; i++) {
        Connection *connection = &server->list[i];
        pthread_mutex_lock(&server->mutex);
        if (connection->fd >= 0) {
            shutdown(connection->fd, SHUT_RDWR);
        }
        pthread_mutex_unlock(&server->mutex);
        if (connection->used) {
            pthread_join(connection->thread, NULL);
        }
    }
    if (server->log != NULL) {
        fclose(server->log);
    }
    pthread_mutex_destroy(&server->mutex);
    free(server->last);
    free(server);
}

int stub_port(const StubServer *server)
{
    return server->port;
}

static uint32_t read_count(StubServer *server, const uint32_t *count)
{
    pthread_mutex_lock(&server->mutex);
    const uint32_t value = *count;
    pthread_mutex_unlock(&server->mutex);
    return value;
}

uint32_t stub_requests(StubServer *server)
{
    return read_count(server, &server->requests);
}

uint32_t stub_connections(StubServer *server)
{
    return read_count(server, &server->connections);
}

uint32_t stub_at_once(StubServer *server)
{
    return read_count(server, &server->most);
}

char *stub_last(StubServer *server)
{
    pthread_mutex_lock(&server->mutex);
    char *copy = server->last != NULL ? strdup(server->last) : NULL;
    pthread_mutex_unlock(&server->mutex);
    return copy;
}
