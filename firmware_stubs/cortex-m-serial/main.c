/* Serves the generated model over a serial line: frames for `edgekit bench --serial`, text for MLPerf Tiny's host tool. */
#include "commands.h"
#include "device.h"
#include "frames.h"
#include "port.h"

int main(void) {
    port_start();
    if (device_start() != 0) {
        return 1;
    }
    commands_start();
    for (;;) {
        const int byte = port_get();
        if (byte >= 0 && !frames_take((uint8_t)byte)) {
            commands_take((char)byte);
        }
    }
}
