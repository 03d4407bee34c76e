#version 450
#extension GL_GOOGLE_include_directive : require
// After a token was sampled for every slot: what each slot reads next. A slot that
// is still in its prompt takes the prompt's next token; one that generates keeps
// the sample, stops at a stop token or at its limit, and a free slot takes the next
// request of the queue. One invocation per slot.
#include "common.glsl"

const uint IDLE = 0xffffffffu;

layout(std430, binding = 0) buffer Slots { uint slot[]; };       // [6][slot_stride]: token, position, length, request, sequence, row of the cache
layout(std430, binding = 1) readonly buffer Sampled { uint sampled[]; };   // [slots]
layout(std430, binding = 2) readonly buffer Logprob { float logprob[]; };  // [slots]
layout(std430, binding = 3) readonly buffer Prompts { uint prompt[]; };    // all prompts, one after another
layout(std430, binding = 4) readonly buffer Requests { uint request[]; };  // [4][requests]: prompt start, prompt length, new tokens at most, sequence
layout(std430, binding = 5) buffer Counters { uint next_request; uint running; };
layout(std430, binding = 6) writeonly buffer Tokens { uint out_token[]; };           // [requests, max_new]
layout(std430, binding = 7) writeonly buffer Logprobs { float out_logprob[]; };      // [requests, max_new]
layout(std430, binding = 8) writeonly buffer Lengths { uint out_length[]; };         // [requests]: tokens generated
layout(std430, binding = 9) writeonly buffer Stopped { uint out_stopped[]; };        // [requests]: 1 if a stop token ended it

layout(push_constant) uniform Push {
    uint slots, requests, max_new, max_length, stop_count, ignore_stop, vocab, slot_stride;
    uvec4 stop_ids[4]; // [stop_count]
};

void main()
{
    uint s = linear_id();
    if (s >= slots) {
        return;
    }
    uint r = slot[3 * slot_stride + s];
    if (r == IDLE) {
        return;
    }
    uint position = slot[slot_stride + s];
    uint start = request[r], prompt_length = request[requests + r];
    if (position + 1 < prompt_length) {
        slot[s] = prompt[start + position + 1];
        slot[slot_stride + s] = position + 1;
        slot[2 * slot_stride + s] = position + 2;
        return;
    }
    uint generated = position + 1 - prompt_length; // index of this token
    uint token = sampled[s];
    out_token[r * max_new + generated] = token;
    out_logprob[r * max_new + generated] = logprob[s];
    bool stop = false;
    for (uint i = 0; i < min(stop_count, 16u); i++) {
        stop = stop || token == stop_ids[i >> 2][i & 3];
    }
    stop = stop && ignore_stop == 0;
    // The sample is token number position + 2 of its sequence; is there room for one more?
    if (!stop && generated + 1 < request[2 * requests + r] && position + 3 <= max_length) {
        slot[s] = token;
        slot[slot_stride + s] = position + 1;
        slot[2 * slot_stride + s] = position + 2;
        return;
    }
    out_length[r] = generated + 1;
    out_stopped[r] = stop ? 1 : 0;
    r = atomicAdd(next_request, 1);
    if (r < requests) {
        slot[s] = prompt[request[r]];
        slot[slot_stride + s] = 0;
        slot[2 * slot_stride + s] = 1;
        slot[3 * slot_stride + s] = r;
        slot[4 * slot_stride + s] = request[3 * requests + r];
    } else {
        slot[s] = 0;
        slot[slot_stride + s] = 0;
        slot[2 * slot_stride + s] = 0; // length 0: attention leaves it out
        slot[3 * slot_stride + s] = IDLE;
        atomicAdd(running, 0xffffffffu);
    }
}
