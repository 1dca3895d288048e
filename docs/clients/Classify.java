// Classify image files by plain gRPC: java Classify HOST:PORT FILE...
// The stubs are made from the descriptor in tritonclient; see docs/howto/other-clients.md.
import com.google.protobuf.ByteString;
import inference.GRPCInferenceServiceGrpc;
import inference.GrpcService.ModelInferRequest;
import inference.GrpcService.ModelInferResponse;
import io.grpc.ManagedChannelBuilder;
import io.grpc.StatusRuntimeException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;

public class Classify {
    static ModelInferRequest request(byte[] image) {
        byte[] length = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(image.length).array();
        var asked = ModelInferRequest.newBuilder().setModelName("all_ensemble");
        asked.addInputsBuilder().setName("IMAGE").setDatatype("BYTES").addShape(1).addShape(1);
        asked.addRawInputContents(ByteString.copyFrom(length).concat(ByteString.copyFrom(image)));
        for (String name : new String[] {"LABEL", "SUBTYPE", "REVIEW"}) {
            asked.addOutputsBuilder().setName(name);
        }
        return asked.build();
    }

    static String text(ModelInferResponse answer, String name) {
        for (int i = 0; i < answer.getOutputsCount(); i++) {
            if (answer.getOutputs(i).getName().equals(name)) {
                return answer.getRawOutputContents(i).substring(4).toStringUtf8(); // 4 bytes: length
            }
        }
        throw new IllegalStateException("the answer has no " + name);
    }

    public static void main(String[] arguments) throws Exception {
        var channel = ManagedChannelBuilder.forTarget(arguments[0]).usePlaintext().build();
        var server = GRPCInferenceServiceGrpc.newBlockingStub(channel);
        for (int i = 1; i < arguments.length; i++) {
            try {
                var answer = server.modelInfer(request(Files.readAllBytes(Path.of(arguments[i]))));
                String review = text(answer, "REVIEW");
                System.out.println(arguments[i] + " " + text(answer, "LABEL") + " "
                        + text(answer, "SUBTYPE") + " review=" + (review.isEmpty() ? "none" : review));
            } catch (StatusRuntimeException error) { // INVALID_ARGUMENT: "[image_corrupt] ..."
                System.out.println(arguments[i] + " " + error.getStatus().getCode() + " "
                        + error.getStatus().getDescription());
            }
        }
        channel.shutdownNow();
    }
}
