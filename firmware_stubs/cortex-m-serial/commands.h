/* Text commands of MLPerf Tiny's host tool (github.com/mlcommons/tiny, benchmark/api): each ends with "%".
 *
 *   name, profile, timestamp, help       who this is, and when
 *   db load N, db HH…, db print          the input's bytes, as the tool sends them: int8, or uint8 if the tool's files are
 *   infer N W                            W runs, then N between two time stamps, then the results
 *   results                              the latest scores as real numbers
 */
#ifndef EDGEKIT_COMMANDS_H
#define EDGEKIT_COMMANDS_H

/* What the tool waits for after a reset. */
void commands_start(void);

/* Takes a received character that belongs to no frame. */
void commands_take(char character);

#endif
