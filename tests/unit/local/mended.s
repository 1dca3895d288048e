# What `allclient.local.mend` changes in the programs of nvidia-pytriton 0.7.0, in assembly language.
#
# A section is named for the program and for its place in the file, which is also its address.
# `test_mend.py` assembles them (GNU as and ld) and holds them against the bytes in mend.py. Names
# that are not defined here are addresses in the program; see the end.

# ---------------------------------------------------------------- tritonserver: classes

# TopkClassifications(response, output, base, byte_size %r13, datatype %ebp, ...), after the call
# that gave the datatype's size. BOOL to FP64 are 1 to 12, BYTES is 13. It had divided first.
.section server.14fba1, "ax"
    cmp $12, %ebp
    ja class_unsupported
    xor %edx, %edx
    mov %eax, %ecx
    mov %r13, %rax
    div %rcx

# ---------------------------------------------------------------- tritonserver: largest message

# Server::Server(builder %r13): max_receive_message_size_. It had been the largest int.
.section server.1bc995, "ax"
    movl $(513 * 1024 * 1024), 0x50(%r13)

# htp__request_parse_body_: the limit %rax of a body had been the connection's, 0 for none.
.section server.99b79e, "ax"
    mov $(513 * 1024 * 1024), %eax
    .nops 4

# DataCompressor::DecompressData, before it makes room (1 MB, or as much as came) for more: one that
# unpacks to more is called inconsistent. %r15, %r12 and %rbx are what was there. The z_stream is at
# -0x110(%rbp), its total_out 0x28 further.
.section server.300371, "ax"
    jmp unpack
    .nops 4

.section server.aa8d50, "ax"
unpack:
    cmpq $(513 * 1024 * 1024), -0xe8(%rbp)
    ja unpack_refuse
    mov %r15, %rdx
    mov %r12, %rsi
    mov %rbx, %rdi
    jmp unpack_more

# ---------------------------------------------------------------- tritonserver: ModelInfer
#
# A call has two events besides its beginning: its answer was sent, and it is done (which comes
# early when it is cancelled). Its state is to be released with the second of them. Triton marked
# the context as notified before it took the state's lock, and the answering thread, which saw the
# mark, put a third event into the queue.
#
# State %r12: 0x10 context, 0x20 step (0 START, 1 COMPLETE, 2 FINISH, 3 ISSUED), 0x50 request.
# Context %rbp: 0x20 its lock (%r15), 0x150 step (9 CANCELLED, used here alone), 0x160 notified.

# Process, the state and its context locked: as if nothing could be cancelled, but first:
.section server.1f2e63, "ax"
    jmp event
    .nops 8

# The call is done, and nobody has seen that yet: note it, and tell the core if it is at work.
.section server.aa8cd0, "ax"
event:
    cmpb $0, 0x160(%rbp)
    je 9f
    mov 0x20(%r12), %eax
    test %eax, %eax
    je 1f
    cmp $3, %eax
    jne 9f
1:  cmpl $9, 0x150(%rbp)
    je 9f
    movl $9, 0x150(%rbp)
    mov %r15, %rdi
    call pthread_mutex_unlock
    cmpl $3, 0x20(%r12)
    jne 2f
    mov 0x50(%r12), %rdi
    call TRITONSERVER_InferenceRequestCancel
    test %rax, %rax
    je 2f
    mov %rax, %rdi
    call TRITONSERVER_ErrorDelete
2:  mov $1, %r13d
    jmp process_return
9:  jmp process_uncancelled

# Process, the answer was sent, step FINISH is set: false, for release, if the other has come.
.section server.1f2f6a, "ax"
    jmp answer_sent
    .nops 6

.section server.aa8d31, "ax"
answer_sent:
    mov 0x10(%r12), %rax
    xor %r13d, %r13d
    cmpl $9, 0x150(%rax)
    setne %r13b
    jmp process_return

# InferResponseComplete: the answer is sent in any case. It had been je.
.section server.1f346f, "ax"
    jmp response_send
    nop

# ---------------------------------------------------------------- tritonserver: ModelStreamInfer

# StateNew: no AsyncNotifyWhenDone. It had been je.
.section server.20a641, "ax"
    .nops 6

# Process, new call: what would read from it goes where a restricted protocol is refused.
.section server.1feae4, "ax"
    jmp stream_refuse

# There: the text, nothing behind it, UNIMPLEMENTED.
.section server.1fef77, "ax"
    lea text_no_streams(%rip), %rsi
.section server.1ff009, "ax"
    lea text_empty(%rip), %rdx
.section server.1ff03d, "ax"
    movl $12, -0x210(%rbp)
.section server.abcca8, "a"
    .ascii "this server has no streams (ModelStreamInfer); use ModelInfer"
    .skip 5

# Process, PARTIAL_COMPLETION: false, for release; no other event will come. It had been 1.
.section server.1ff187, "ax"
    mov $0, %r12d

# ---------------------------------------------------------------- tritonserver: HTTP

# HTTPServer::Dispatch(request, server). What handles a request reserves 16 bytes of the stack for
# each piece of its body; so there is one piece.
.section server.2de234, "ax"
    jmp dispatch
    nop

.section server.aa8c30, "ax"
dispatch:
    push %rdi
    push %rsi
    sub $8, %rsp
    mov 0x20(%rdi), %rdi
    mov $-1, %rsi
    call evbuffer_pullup
    add $8, %rsp
    pop %rsi
    pop %rdi
    mov (%rsi), %rax
    mov %rdi, %r8
    mov %rsi, %rdi
    mov %r8, %rsi
    mov 0x10(%rax), %rax
    jmp *%rax

# TritonJson::Value::Parse(this, base %rsi, size %rdx), which calls itself at each level.
.section server.1d0394, "ax"
    jmp parse
    .nops 6

# size = where a bracket, outside of texts, opens a 101st level
.section server.aa8c5e, "ax"
parse:
    xor %eax, %eax
    xor %ecx, %ecx
    xor %r8d, %r8d
1:  cmp %rdx, %rax
    jae 9f
    movzbl (%rsi,%rax), %r9d
    inc %rax
    test %r8d, %r8d
    jnz 3f
    cmp $'"', %r9b
    je 5f
    or $0x20, %r9d
    cmp $'}', %r9b
    je 2f
    cmp $'{', %r9b
    jne 1b
    inc %ecx
    cmp $100, %ecx
    jle 1b
    lea -1(%rax), %rdx
    jmp 9f
2:  dec %ecx
    jmp 1b
3:  cmp $'\\', %r9b
    jne 4f
    inc %rax
    jmp 1b
4:  cmp $'"', %r9b
    jne 1b
5:  xor $1, %r8d
    jmp 1b
9:  push %r12
    push %rbp
    push %rbx
    sub $0x120, %rsp
    jmp parse_rest

# htp__request_parse_chunk_new_: a chunk is an error. It had been je.
.section server.999795, "ax"
    jmp chunk_failed
    nop

# ---------------------------------------------------------------- libtritonserver: ensembles
#
# EnsembleContext::ScheduleSteps, in Proceed. Context (%r15): 0x18 lock, 0x40 steps in flight, 0x1b0
# status, 0x1e0 response_sent_. -0x458(%rbp) is the step at hand, -0x468(%rbp) the first of them.

# Whether the request is cancelled is in %r12b. It was looked up before every step, and so some ran
# and others did not; and one that was cancelled only after it was scheduled had two answers.
.section library.1dcef8, "ax"
    jmp next_step
    .nops 4

# Before the first, as if that could not be scheduled: Status -0x210(%rbp) is CANCELLED, without
# words; the request stays with the step. Later, or not cancelled: it runs.
.section library.e7ac70, "ax"
next_step:
    test %r12b, %r12b
    je step_runs
    mov -0x468(%rbp), %rcx
    cmp %rcx, -0x458(%rbp)
    jne step_runs
    movb $8, -0x210(%rbp)
    lea -0x1f8(%rbp), %rcx
    mov %rcx, -0x208(%rbp)
    movq $0, -0x200(%rbp)
    movb $0, -0x1f8(%rbp)
    movq $0, -0x360(%rbp)
    jmp step_failed

# The lock (%r14) is held. A step that is not scheduled, since another has failed, was counted down
# though it was never counted up. Now it goes on behind that; the other way in is for one that has.
.section library.1dd01f, "ax"
    mov %r14, -0x490(%rbp)
    jmp step_not_counted
    mov %r14, %rdi
    mov %r14, -0x490(%rbp)
    .nops 3
.section library.1dd755, "ax"
    je step_counted
.section library.1dd770, "ax"
    jmp step_counted

# FinishEnsemble(this %rbx): an error is answered once.
.section library.1d8cf5, "ax"
    je finish

.section library.e7acc4, "ax"
finish:
    cmpb $0, 0x1e0(%rbx)
    jne finish_answered
    movb $1, 0x1e0(%rbx)
    jmp finish_answer

# ---------------------------------------------------------------- libtritonserver: batch size
#
# InferenceRequest::Normalize, an input's shape at %rax. Its first number, in 64 bits, becomes the
# request's batch size, in 32 (%edx: of the inputs before, 0 for none), or has to be equal to that.
# More than the model takes is refused after this.
.section library.23c467, "ax"
    jmp first_number
    .nops 6

# What is not 1 to 2^31 - 1 is the largest number that there is.
.section library.e7acdd, "ax"
first_number:
    mov (%rax), %rsi
    lea -1(%rsi), %r8
    cmp $0x7ffffffe, %r8
    jbe 1f
    mov $0x7fffffff, %esi
1:  test %edx, %edx
    je first_number_kept
    jmp first_number_compared

# ---------------------------------------------------------------- libtriton_python

# GetInputTensor, BYTES: for the result of ValidateStringBuffer, no error.
.section backend.3e94d, "ax"
    xor %eax, %eax
    .nops 3

# SendMessageAndReceiveResponse and ProcessRequests, %rax being the error of ReceiveMessageFromStub:
# ask again. The first had answered all requests with it and the second returned it, and both had
# freed what the model's process still worked on.
.section backend.46c2a, "ax"
    jne . - 18
.section backend.47476, "ax"
    jmp received
    .nops 3

.section backend.d3400, "ax"
received:
    mov %rax, %r12
    test %rax, %rax
    je received_answer
    jmp receive

# ---------------------------------------------------------------- addresses

.set class_unsupported, 0x151fb0
.set process_return, 0x1f2eba
.set process_uncancelled, 0x1f2ef0
.set response_send, 0x1f3730
.set stream_refuse, 0x1fef70
.set text_no_streams, 0xabcca8
.set text_empty, 0xae80f2
.set parse_rest, 0x1d039f
.set chunk_failed, 0x999828
.set pthread_mutex_unlock, 0xb3e20
.set TRITONSERVER_InferenceRequestCancel, 0xb57f0
.set TRITONSERVER_ErrorDelete, 0xb41e0
.set evbuffer_pullup, 0x9a8f50
.set unpack_refuse, 0x300498
.set unpack_more, 0x30037a
.set receive, 0x47463
.set received_answer, 0x474df
.set step_runs, 0x1dcf01
.set step_failed, 0x1dd6de
.set step_not_counted, 0x1dd13d
.set step_counted, 0x1dd02b
.set finish_answered, 0x1d8a65
.set finish_answer, 0x1d90a0
.set first_number_kept, 0x23c340
.set first_number_compared, 0x23c472
