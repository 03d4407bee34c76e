/* The LoRA side of a session: a frozen base, and the policy, critic and reference policy as adapters on it.
 *
 * The base is loaded once. Checkpoints hold adapters (PEFT's files) and what their optimizers know, never the
 * base: it is config.model.path, or, where model.init made it, RUN/base. The reference policy of the RL stage is
 * the base with the adapter off if that is where the stage begins; after SFT, or when it goes on with an adapter of
 * adapter.path, a frozen copy of the adapter, kept in RUN/reference.
 */
#ifndef RLSP_TRAIN_SESSION_ADAPTER_H
#define RLSP_TRAIN_SESSION_ADAPTER_H

#include "rlsp/train/session.h"

/* The directory of the base that the run's adapters belong to, RUN_PATH_SIZE + 64 bytes. */
void session_base_path(const RunConfig *config, const char *run, char *path);

/* After session->policy was opened as the base, new or resumed: makes it session->base, and a policy with an adapter.
 */
Status session_adapter_open(Session *session, Error *error);

/* Writes the adapter of the policy or the critic. */
Status session_adapter_save(const Session *session, const Model *model, const char *directory, Error *error);

/* The critic, of `resumed` or as a copy of the policy with a value head of zeros; NULL with *error set on failure. */
Model *session_adapter_critic(const Session *session, bool resumed, Error *error);

/* The reference policy of the RL stage. */
Model *session_adapter_reference(const Session *session, bool resumed, Error *error);

#endif
