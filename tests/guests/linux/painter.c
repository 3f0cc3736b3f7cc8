/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * painter: draws on an X display what it is told, the same pixels each time, and tells what input came.
 *
 * Commands are lines "TAG WORDS" on standard input, which is a terminal line or a pipe. Each is answered, when the X
 * server has executed it, by any number of lines "TAG = TEXT" and one line "TAG ok" or "TAG failed REASON". At the
 * start, and with tag 0, painter says "0 ready".
 *
 *     clear [RRGGBB]          the whole window in one colour
 *     picture N [X Y]         picture N as an image, at its own place or at X Y
 *     pictures FIRST COUNT    these, one after the other
 *     pixmap N [X Y]          the same by way of a pixmap that stays in the server
 *     chess N X Y             picture N, a chessboard of it: a clip region of many small rectangles
 *     scroll DY               moves the window's contents, copy within the screen
 *     text SEED               lines of text
 *     shapes SEED             rectangles, lines and arcs in all raster operations
 *     windows                 three windows come, move, are raised, and go
 *     scene                   all of the above in a fixed order
 *     cursor N                the pointer's shape: 0 arrow, 1 two colours, 2 picture-like, 3 none
 *     events                  prints and forgets what input came: key CODE, button N, motion X Y (the last one only)
 *     pointer                 prints X Y of the pointer
 *     size                    prints WIDTH HEIGHT of the screen
 *     screen N                all following commands are about screen N of the display
 *     shell COMMAND           prints its output (standard output and standard error); failed, if its status is not 0
 */
#include "picture.h"

#include <X11/Xlib.h>
#include <X11/Xutil.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { MAX_SCREENS = 4, MAX_EVENTS = 256, LINE = 1024 };

typedef struct Painter {
    Display *display;
    Window windows[MAX_SCREENS];
    Pixmap pixmaps[MAX_SCREENS][PICTURE_COUNT];
    int screen, screens;
    GC gc;
    Window window; /* of the current screen */
    char events[MAX_EVENTS][32];
    int event_count;
    const char *tag;
} Painter;

static void say(Painter *p, const char *text)
{
    printf("%s = %s\n", p->tag, text);
}

static int width(Painter *p)
{
    return DisplayWidth(p->display, p->screen);
}

static int height(Painter *p)
{
    return DisplayHeight(p->display, p->screen);
}

/* Pictures lie in a grid and overlap nothing until the grid is full. */
static void place(Painter *p, unsigned number, int *x, int *y)
{
    unsigned columns = (unsigned)width(p) / PICTURE_WIDTH, rows = (unsigned)height(p) / PICTURE_HEIGHT;

    columns = columns ? columns : 1;
    rows = rows ? rows : 1;
    *x = (int)(number % columns) * PICTURE_WIDTH;
    *y = (int)(number / columns % rows) * PICTURE_HEIGHT;
}

static XImage *image_of(Painter *p, unsigned number)
{
    uint32_t *pixels = malloc((size_t)PICTURE_WIDTH * PICTURE_HEIGHT * 4);

    if (!pixels)
        exit(1);
    picture_fill(pixels, PICTURE_WIDTH, PICTURE_HEIGHT, number);
    return XCreateImage(p->display, DefaultVisual(p->display, p->screen), (unsigned)DefaultDepth(p->display, p->screen),
                        ZPixmap, 0, (char *)pixels, PICTURE_WIDTH, PICTURE_HEIGHT, 32, 0);
}

static void put_picture(Painter *p, Drawable target, unsigned number, int x, int y)
{
    XImage *image = image_of(p, number);

    XPutImage(p->display, target, p->gc, image, 0, 0, x, y, PICTURE_WIDTH, PICTURE_HEIGHT);
    XDestroyImage(image);
}

static void picture(Painter *p, unsigned number)
{
    int x, y;

    place(p, number, &x, &y);
    put_picture(p, p->window, number, x, y);
}

static Pixmap pixmap_of(Painter *p, unsigned number)
{
    Pixmap *pixmap = &p->pixmaps[p->screen][number % PICTURE_COUNT];

    if (!*pixmap) {
        *pixmap = XCreatePixmap(p->display, p->window, PICTURE_WIDTH, PICTURE_HEIGHT,
                                (unsigned)DefaultDepth(p->display, p->screen));
        put_picture(p, *pixmap, number % PICTURE_COUNT, 0, 0);
    }
    return *pixmap;
}

static void copy_pixmap(Painter *p, unsigned number, int x, int y)
{
    XCopyArea(p->display, pixmap_of(p, number), p->window, p->gc, 0, 0, PICTURE_WIDTH, PICTURE_HEIGHT, x, y);
}

static void chess(Painter *p, unsigned number, int x, int y)
{
    static const char fields[] = {0x0f, 0x0f, 0x0f, 0x0f, (char)0xf0, (char)0xf0, (char)0xf0, (char)0xf0};
    Pixmap mask = XCreatePixmap(p->display, p->window, PICTURE_WIDTH, PICTURE_HEIGHT, 1);
    Pixmap stipple = XCreateBitmapFromData(p->display, p->window, fields, 8, 8);
    GC gc = XCreateGC(p->display, mask, 0, NULL);

    XSetFillStyle(p->display, gc, FillOpaqueStippled);
    XSetStipple(p->display, gc, stipple);
    XSetForeground(p->display, gc, 1);
    XSetBackground(p->display, gc, 0);
    XFillRectangle(p->display, mask, gc, 0, 0, PICTURE_WIDTH, PICTURE_HEIGHT);
    XSetClipMask(p->display, p->gc, mask);
    XSetClipOrigin(p->display, p->gc, x, y);
    copy_pixmap(p, number, x, y);
    XSetClipMask(p->display, p->gc, None);
    XFreeGC(p->display, gc);
    XFreePixmap(p->display, stipple);
    XFreePixmap(p->display, mask);
}

static void clear(Painter *p, unsigned long colour)
{
    XSetForeground(p->display, p->gc, colour);
    XFillRectangle(p->display, p->window, p->gc, 0, 0, (unsigned)width(p), (unsigned)height(p));
}

static void scroll(Painter *p, int dy)
{
    unsigned w = (unsigned)width(p), h = (unsigned)height(p);

    XCopyArea(p->display, p->window, p->window, p->gc, 0, 0, w, h, 0, dy);
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525U + 1013904223U;
    return *state >> 8;
}

static void text(Painter *p, uint32_t seed)
{
    uint32_t random = seed * 31 + 7;

    for (int line = 0; line < 20; line++) {
        char words[64];
        int length = 20 + (int)(next_random(&random) % 40);

        for (int i = 0; i < length; i++)
            words[i] = (char)(next_random(&random) % 6 ? 'a' + next_random(&random) % 26 : ' ');
        XSetForeground(p->display, p->gc, next_random(&random) & 0xffffff);
        XSetBackground(p->display, p->gc, 0xf0f0e0);
        if (line % 2)
            XDrawImageString(p->display, p->window, p->gc, 20, 40 + line * 18, words, length);
        else
            XDrawString(p->display, p->window, p->gc, 20, 40 + line * 18, words, length);
    }
}

static void shapes(Painter *p, uint32_t seed)
{
    uint32_t random = seed * 101 + 3;

    for (int i = 0; i < 64; i++) {
        int x = (int)(next_random(&random) % (unsigned)width(p)), y = (int)(next_random(&random) % (unsigned)height(p));
        unsigned w = 10 + next_random(&random) % 200, h = 10 + next_random(&random) % 150;

        XSetForeground(p->display, p->gc, next_random(&random) & 0xffffff);
        XSetFunction(p->display, p->gc, i % 16);
        switch (i / 16) {
        case 0:
            XFillRectangle(p->display, p->window, p->gc, x, y, w, h);
            break;
        case 1:
            XDrawLine(p->display, p->window, p->gc, x, y, x + (int)w, y + (int)h);
            break;
        case 2:
            XFillArc(p->display, p->window, p->gc, x, y, w, h, 0, (int)(next_random(&random) % 360) * 64);
            break;
        default:
            copy_pixmap(p, (unsigned)i, x, y);
        }
    }
    XSetFunction(p->display, p->gc, GXcopy);
}

static void windows(Painter *p)
{
    Window window[3];
    XSetWindowAttributes attributes = {.override_redirect = True, .border_pixel = 0x203040};

    for (int i = 0; i < 3; i++) {
        attributes.background_pixel = 0x406080U + (unsigned)i * 0x302010U;
        window[i] = XCreateWindow(p->display, RootWindow(p->display, p->screen), 60 + 90 * i, 50 + 70 * i, 300, 200, 3,
                                  CopyFromParent, InputOutput, CopyFromParent,
                                  CWOverrideRedirect | CWBackPixel | CWBorderPixel, &attributes);
        XMapWindow(p->display, window[i]);
        XSync(p->display, False);
        put_picture(p, window[i], (unsigned)i, 10, 10);
    }
    for (int step = 0; step < 8; step++) {
        XMoveWindow(p->display, window[step % 3], 60 + step * 40, 50 + step * 20);
        XRaiseWindow(p->display, window[(step + 1) % 3]);
        XSync(p->display, False);
    }
    for (int i = 0; i < 3; i++)
        XDestroyWindow(p->display, window[i]);
    XSync(p->display, False);
}

static void pictures(Painter *p, unsigned first, unsigned count)
{
    for (unsigned i = 0; i < count && i < 1000; i++)
        picture(p, first + i);
}

static void scene(Painter *p)
{
    clear(p, 0x305070);
    pictures(p, 0, 9);
    text(p, 1);
    shapes(p, 2);
    scroll(p, -60);
    windows(p);
    copy_pixmap(p, 3, 200, 100);
    chess(p, 4, 300, 200);
    scroll(p, 40);
}

static bool set_cursor(Painter *p, unsigned number)
{
    static const char bits[] = {0x18, 0x3c, 0x7e, (char)0xff, (char)0xff, 0x7e, 0x3c, 0x18};
    static const char none[] = {0};
    XColor front = {.red = 0xffff}, back = {.blue = 0xffff};
    Pixmap source, mask;
    Cursor cursor;

    if (number == 0) {
        XUndefineCursor(p->display, p->window);
        return true;
    }
    if (number > 3)
        return false;
    source = XCreateBitmapFromData(p->display, p->window, number == 3 ? none : bits, number == 3 ? 1 : 8,
                                   number == 3 ? 1 : 8);
    mask = number == 2 ? XCreateBitmapFromData(p->display, p->window, bits, 8, 8) : source;
    cursor = XCreatePixmapCursor(p->display, source, mask, &front, &back, 0, 0);
    XDefineCursor(p->display, p->window, cursor);
    XFreeCursor(p->display, cursor);
    if (mask != source)
        XFreePixmap(p->display, mask);
    XFreePixmap(p->display, source);
    return true;
}

static void note(Painter *p, const char *name, int a, int b)
{
    bool motion = !strcmp(name, "motion");

    if (motion && p->event_count && !strncmp(p->events[p->event_count - 1], "motion", 6))
        p->event_count--;
    if (p->event_count == MAX_EVENTS)
        return;
    if (motion)
        snprintf(p->events[p->event_count++], sizeof p->events[0], "motion %d %d", a, b);
    else
        snprintf(p->events[p->event_count++], sizeof p->events[0], "%s %d", name, a);
}

static void take_events(Painter *p)
{
    while (XPending(p->display)) {
        XEvent e;

        XNextEvent(p->display, &e);
        if (e.type == KeyPress)
            note(p, "key", (int)e.xkey.keycode, 0);
        else if (e.type == KeyRelease)
            note(p, "release", (int)e.xkey.keycode, 0);
        else if (e.type == ButtonPress)
            note(p, "button", (int)e.xbutton.button, 0);
        else if (e.type == ButtonRelease)
            note(p, "unbutton", (int)e.xbutton.button, 0);
        else if (e.type == MotionNotify)
            note(p, "motion", e.xmotion.x_root, e.xmotion.y_root);
        else if (e.type == ConfigureNotify && e.xconfigure.window == RootWindow(p->display, p->screen)) {
            XResizeWindow(p->display, p->window, (unsigned)e.xconfigure.width, (unsigned)e.xconfigure.height);
        } else if (e.type == MappingNotify)
            XRefreshKeyboardMapping(&e.xmapping);
    }
}

static bool shell(Painter *p, const char *command)
{
    char line[LINE], all[LINE + 16];
    FILE *f;

    snprintf(all, sizeof all, "(%s) 2>&1", command);
    fflush(stdout);
    f = popen(all, "r");
    while (f && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        say(p, line);
    }
    return f && pclose(f) == 0;
}

static void open_screen(Painter *p, int number)
{
    XSetWindowAttributes attributes = {
        .override_redirect = True,
        .background_pixel = 0x305070,
        .event_mask = KeyPressMask | KeyReleaseMask | ButtonPressMask | ButtonReleaseMask | PointerMotionMask,
    };
    XGCValues values = {.graphics_exposures = False};

    p->screen = number;
    if (p->gc)
        XFreeGC(p->display, p->gc);
    if (!p->windows[number]) {
        p->windows[number] = XCreateWindow(p->display, RootWindow(p->display, number), 0, 0, (unsigned)width(p),
                                           (unsigned)height(p), 0, CopyFromParent, InputOutput, CopyFromParent,
                                           CWOverrideRedirect | CWBackPixel | CWEventMask, &attributes);
        XSelectInput(p->display, RootWindow(p->display, number), StructureNotifyMask);
        XMapWindow(p->display, p->windows[number]);
        XSync(p->display, False);
    }
    p->window = p->windows[number];
    p->gc = XCreateGC(p->display, p->window, GCGraphicsExposures, &values);
    XSetInputFocus(p->display, p->window, RevertToPointerRoot, CurrentTime);
}

static void print_events(Painter *p)
{
    take_events(p);
    for (int i = 0; i < p->event_count; i++)
        say(p, p->events[i]);
    p->event_count = 0;
}

static void print_pointer(Painter *p)
{
    Window root, child;
    int x, y, wx, wy;
    unsigned mask;
    char line[64];

    XQueryPointer(p->display, p->window, &root, &child, &x, &y, &wx, &wy, &mask);
    snprintf(line, sizeof line, "%d %d", x, y);
    say(p, line);
}

/* The numbers that a command has, at most 3. A colour is the only one in base 16. */
static bool draw(Painter *p, const char *name, const int *v, int n)
{
    int x, y;

    place(p, (unsigned)v[0], &x, &y);
    if (n == 3) {
        x = v[1];
        y = v[2];
    }
    if (!strcmp(name, "picture"))
        put_picture(p, p->window, (unsigned)v[0], x, y);
    else if (!strcmp(name, "pictures") && n == 2)
        pictures(p, (unsigned)v[0], (unsigned)v[1]);
    else if (!strcmp(name, "pixmap"))
        copy_pixmap(p, (unsigned)v[0], x, y);
    else if (!strcmp(name, "chess"))
        chess(p, (unsigned)v[0], x, y);
    else if (!strcmp(name, "scroll"))
        scroll(p, v[0]);
    else if (!strcmp(name, "text"))
        text(p, (uint32_t)v[0]);
    else if (!strcmp(name, "shapes"))
        shapes(p, (uint32_t)v[0]);
    else if (!strcmp(name, "windows"))
        windows(p);
    else if (!strcmp(name, "scene"))
        scene(p);
    else
        return false;
    return true;
}

static bool run(Painter *p, const char *command)
{
    char name[16] = "", line[64];
    int v[3] = {0}, length = 0, n;

    sscanf(command, "%15s%n", name, &length);
    n = sscanf(command + length, "%d %d %d", &v[0], &v[1], &v[2]);
    if (!strcmp(name, "clear")) {
        clear(p, strtoul(command + length, NULL, 16));
    } else if (!strcmp(name, "cursor")) {
        return set_cursor(p, (unsigned)v[0]);
    } else if (!strcmp(name, "events")) {
        print_events(p);
    } else if (!strcmp(name, "pointer")) {
        print_pointer(p);
    } else if (!strcmp(name, "size")) {
        snprintf(line, sizeof line, "%d %d", width(p), height(p));
        say(p, line);
    } else if (!strcmp(name, "screen")) {
        if (n != 1 || v[0] < 0 || v[0] >= p->screens)
            return false;
        open_screen(p, v[0]);
    } else if (!strcmp(name, "shell")) {
        return shell(p, command + length);
    } else {
        return draw(p, name, v, n);
    }
    return true;
}

static void answer(Painter *p, char *line)
{
    char *tag = strtok(line, " "), *command = strtok(NULL, "");
    bool ok;

    if (!tag)
        return;
    p->tag = tag;
    take_events(p);
    ok = command && run(p, command);
    XSync(p->display, False);
    take_events(p);
    printf("%s %s\n", tag, ok ? "ok" : command ? "failed" : "ready");
    fflush(stdout);
}

static int serve(Painter *p)
{
    struct pollfd fds[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
                            {.fd = ConnectionNumber(p->display), .events = POLLIN}};
    char line[LINE];
    size_t length = 0;

    for (;;) {
        char c;

        take_events(p);
        if (poll(fds, 2, -1) < 0 || (fds[0].revents && read(STDIN_FILENO, &c, 1) != 1))
            return 1;
        if (!fds[0].revents)
            continue;
        if (c == '\n') {
            line[length] = 0;
            answer(p, line);
            length = 0;
        } else if (length < sizeof line - 1) {
            line[length++] = c;
        }
    }
}

static int on_error(Display *display, XErrorEvent *error)
{
    char line[128];

    XGetErrorText(display, error->error_code, line, sizeof line);
    fprintf(stderr, "painter: %s\n", line);
    return 0;
}

int main(void)
{
    Painter p = {.tag = "0"};
    struct termios t;

    if (tcgetattr(STDIN_FILENO, &t) == 0) {
        cfmakeraw(&t);
        tcsetattr(STDIN_FILENO, TCSANOW, &t);
    }
    for (int i = 0; !p.display && i < 600; i++) {
        p.display = XOpenDisplay(NULL);
        if (!p.display)
            usleep(100000);
    }
    if (!p.display)
        return 1;
    XSetErrorHandler(on_error);
    p.screens = ScreenCount(p.display) < MAX_SCREENS ? ScreenCount(p.display) : MAX_SCREENS;
    for (int i = p.screens - 1; i >= 0; i--)
        open_screen(&p, i);
    XSync(p.display, False);
    printf("0 ready\n");
    fflush(stdout);
    return serve(&p);
}
