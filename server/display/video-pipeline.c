/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/display/video-pipeline.h"

#include <gst/app/gstappsink.h>
#include <gst/app/gstappsrc.h>

#define LIMIT (3 * G_TIME_SPAN_SECOND) /* for one picture; a machine that is slower cannot show a video anyway */

struct VideoPipeline {
    GstElement *pipeline, *encoder;
    GstAppSrc *source;
    GstAppSink *sink;
    GstVideoInfo info;
    GMutex lock;
    GCond wakeup;
    bool failed;       /* under lock; set by GStreamer's threads */
    unsigned finished; /* under lock: samples that wait in the sink */
};

static gpointer start_gstreamer(gpointer unused)
{
    gst_registry_fork_set_enabled(FALSE);
    gst_segtrap_set_enabled(FALSE);
    return GINT_TO_POINTER(gst_init_check(NULL, NULL, NULL));
}

static bool has_element(const char *name)
{
    GstElementFactory *factory = gst_element_factory_find(name);

    if (!factory)
        return false;
    gst_object_unref(factory);
    return true;
}

bool video_pipeline_available(const char *element)
{
    static GOnce once = G_ONCE_INIT;

    return g_once(&once, start_gstreamer, NULL) && has_element("appsrc") && has_element("appsink") &&
           has_element("videoconvert") && has_element(element);
}

/* In a thread of GStreamer, which waits. Nobody else reads the messages, so none is kept. */
static GstBusSyncReply see_message(GstBus *bus, GstMessage *message, gpointer opaque)
{
    VideoPipeline *p = opaque;

    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR || GST_MESSAGE_TYPE(message) == GST_MESSAGE_EOS) {
        g_mutex_lock(&p->lock);
        p->failed = true;
        g_cond_signal(&p->wakeup);
        g_mutex_unlock(&p->lock);
    }
    gst_message_unref(message);
    return GST_BUS_DROP;
}

/* In a thread of GStreamer. */
static GstFlowReturn see_sample(GstAppSink *sink, gpointer opaque)
{
    VideoPipeline *p = opaque;

    g_mutex_lock(&p->lock);
    p->finished++;
    g_cond_signal(&p->wakeup);
    g_mutex_unlock(&p->lock);
    return GST_FLOW_OK;
}

static bool start(VideoPipeline *p)
{
    GstAppSinkCallbacks callbacks = {.new_sample = see_sample};
    g_autoptr(GstCaps) caps = gst_video_info_to_caps(&p->info);
    g_autoptr(GstBus) bus = gst_element_get_bus(p->pipeline);

    p->source = GST_APP_SRC(gst_bin_get_by_name(GST_BIN(p->pipeline), "source"));
    p->sink = GST_APP_SINK(gst_bin_get_by_name(GST_BIN(p->pipeline), "sink"));
    p->encoder = gst_bin_get_by_name(GST_BIN(p->pipeline), "encoder");
    gst_app_src_set_caps(p->source, caps);
    gst_app_sink_set_callbacks(p->sink, &callbacks, p, NULL);
    gst_bus_set_sync_handler(bus, see_message, p, NULL);
    return gst_element_set_state(p->pipeline, GST_STATE_PLAYING) != GST_STATE_CHANGE_FAILURE;
}

VideoPipeline *video_pipeline_new(const char *encoder, GstVideoFormat format, uint32_t width, uint32_t height,
                                  uint32_t fps)
{
    g_autofree char *text = g_strdup_printf("appsrc name=source format=time is-live=true ! videoconvert ! "
                                            "video/x-raw,format=I420 ! %s ! "
                                            "appsink name=sink sync=false enable-last-sample=false",
                                            encoder);
    g_autoptr(GError) error = NULL;
    VideoPipeline *p = g_new0(VideoPipeline, 1);
    bool good;

    g_mutex_init(&p->lock);
    g_cond_init(&p->wakeup);
    gst_video_info_init(&p->info);
    p->pipeline = gst_parse_launch_full(text, NULL, GST_PARSE_FLAG_FATAL_ERRORS, &error);
    good = p->pipeline && gst_video_info_set_format(&p->info, format, width, height);
    GST_VIDEO_INFO_FPS_N(&p->info) = (gint)fps;
    if (!good || !start(p)) {
        g_debug("GStreamer: %s", error ? error->message : "pipeline does not start");
        video_pipeline_free(p);
        return NULL;
    }
    return p;
}

void video_pipeline_free(VideoPipeline *p)
{
    if (!p)
        return;
    if (p->pipeline)
        gst_element_set_state(p->pipeline, GST_STATE_NULL);
    g_clear_object(&p->encoder);
    g_clear_object(&p->source);
    g_clear_object(&p->sink);
    g_clear_object(&p->pipeline);
    g_mutex_clear(&p->lock);
    g_cond_clear(&p->wakeup);
    g_free(p);
}

void video_pipeline_set(VideoPipeline *p, const char *property, int value)
{
    g_auto(GValue) was = G_VALUE_INIT, now = G_VALUE_INIT;

    g_value_init(&was, G_TYPE_INT);
    g_value_init(&now, G_TYPE_INT);
    g_value_set_int(&now, value);
    if (!g_object_class_find_property(G_OBJECT_GET_CLASS(p->encoder), property))
        return;
    g_object_get_property(G_OBJECT(p->encoder), property, &was);
    if (g_value_get_int(&was) != value)
        g_object_set_property(G_OBJECT(p->encoder), property, &now);
}

const GstVideoInfo *video_pipeline_info(const VideoPipeline *p)
{
    return &p->info;
}

static bool wait_for_sample(VideoPipeline *p)
{
    gint64 end = g_get_monotonic_time() + LIMIT;
    bool finished;

    g_mutex_lock(&p->lock);
    while (!p->finished && !p->failed)
        if (!g_cond_wait_until(&p->wakeup, &p->lock, end))
            break;
    finished = p->finished > 0 && !p->failed;
    if (finished)
        p->finished--;
    g_mutex_unlock(&p->lock);
    return finished;
}

static bool append_sample(GstSample *sample, WireWriter *out)
{
    GstBuffer *buffer = gst_sample_get_buffer(sample);
    GstMapInfo map;

    if (!buffer || !gst_buffer_map(buffer, &map, GST_MAP_READ))
        return false;
    wire_write_bytes(out, map.data, map.size);
    gst_buffer_unmap(buffer, &map);
    return map.size > 0;
}

bool video_pipeline_encode(VideoPipeline *p, GstBuffer *picture, WireWriter *out)
{
    GstSample *sample;
    bool good;

    if (gst_app_src_push_buffer(p->source, picture) != GST_FLOW_OK || !wait_for_sample(p))
        return false;
    sample = gst_app_sink_try_pull_sample(p->sink, 0);
    if (!sample)
        return false;
    good = append_sample(sample, out);
    gst_sample_unref(sample);
    return good;
}
